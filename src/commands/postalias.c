/*
 * postalias(1): makes the index of an alias file, and looks things up in it.
 * The work is maptool.c's; the lines of alias files are table/alias_text's.
 */
#include "commands/maptool.h"

static const char usage[] = "usage: postalias [-Nfijnoprsuvw] [-c config_dir] [-d key] "
                            "[-q key] [map_type:]file...";

int main(int argc, char **argv)
{
    struct maptool tool = {.index.syntax = INDEX_ALIASES};

    command_start(&tool.command, "postalias");
    maptool_parse(&tool, argc, argv, "c:d:fijnNopq:rsuvw", usage);
    command_configure(&tool.command);
    return maptool_run(&tool);
}

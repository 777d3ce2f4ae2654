/*
 * postmap(1): makes the index of a table in text form, and looks things up in
 * tables of any type. The work is maptool.c's.
 */
#include "commands/maptool.h"

static const char usage[] = "usage: postmap [-bfFhijmnNoprsuUvw] [-c config_dir] "
                            "[-d key] [-q key] [map_type:]file...";

int main(int argc, char **argv)
{
    struct maptool tool = {.index.syntax = INDEX_MAP};

    command_start(&tool.command, "postmap");
    maptool_parse(&tool, argc, argv, "bc:d:fFhijmnNopq:rsuUvw", usage);
    command_configure(&tool.command);
    return maptool_run(&tool);
}

/* What the administrator thinks of the outcome of a delivery. */
#ifndef DELIVER_FILTER_H
#define DELIVER_FILTER_H

#include "deliver/deliver.h"

/*
 * The outcome as $<agent>_delivery_status_filter has it: looked up as "5.1.1 text",
 * replaced by "4.1.1 other text". A delivery stays a delivery and a failure stays
 * one. An outcome that the filter does not name, or that it cannot judge now, stays
 * as it is.
 */
struct outcome delivery_filter(const struct delivery *delivery,
                               const struct outcome *outcome);

#endif

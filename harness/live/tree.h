#ifndef HARNESS_LIVE_TREE_H
#define HARNESS_LIVE_TREE_H

/* Remove a folder and everything below it; what cannot be removed stays. */
void hns_tree_remove(const char *path);

#endif

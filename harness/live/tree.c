#include "harness/live/tree.h"

#include <dirent.h>
#include <string.h>
#include <unistd.h>

#include "agent/base/mem.h"

void hns_tree_remove(const char *path)
{
    DIR *dir = opendir(path);

    for (struct dirent *entry = dir == NULL ? NULL : readdir(dir); entry != NULL;
         entry = readdir(dir)) {
        eca_auto_free char *below = eca_xasprintf("%s/%s", path, entry->d_name);

        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0) {
            continue;
        }
        if (entry->d_type == DT_DIR) {
            hns_tree_remove(below);
        } else {
            (void)unlink(below);
        }
    }
    if (dir != NULL) {
        (void)closedir(dir);
    }
    (void)rmdir(path);
}

#ifndef HARNESS_SCENARIO_DOC_H
#define HARNESS_SCENARIO_DOC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "agent/base/buf.h"
#include "agent/base/err.h"

/*
 * A YAML file as a tree in which every node knows its place. Nothing is interpreted yet: a plain
 * scalar is text that may be read as number, boolean or null; a quoted one is text only.
 */
enum hns_kind {
    HNS_SCALAR,
    HNS_MAP,
    HNS_LIST,
};

struct hns_node {
    enum hns_kind kind;
    const char *file;      /* as named on the command line or by an include */
    uint32_t line, column; /* from 1 */
    char *text;            /* scalar, NUL-terminated */
    bool quoted;
    struct hns_node **keys;  /* map: scalars */
    struct hns_node **items; /* map: values; list: elements */
    size_t count;
};

#define HNS_FILE_BYTES_MAX ((size_t)4 << 20)
#define HNS_NODES_MAX 200000 /* aliases included, so that no file explodes */
#define HNS_DEPTH_MAX 60

struct hns_doc;
/* The error's sentence begins "file:line:col: ". One YAML document per file. */
int hns_doc_parse(struct eca_view text, const char *file, struct hns_doc **ret_doc,
                  struct eca_err *err);
int hns_doc_load(const char *path, struct hns_doc **ret_doc, struct eca_err *err);
/* A whole file, at most HNS_FILE_BYTES_MAX. */
int hns_file_read(const char *path, struct eca_buf *out, struct eca_err *err);
void hns_doc_free(struct hns_doc *doc); /* NULL ok */
struct hns_node *hns_doc_root(const struct hns_doc *doc);

/* Two maps as one, owned by doc: where both have a key, maps are merged, lists are joined, else the
 * value of `over` counts. NULL is an empty map; both NULL give NULL. */
struct hns_node *hns_doc_merge(struct hns_doc *doc, struct hns_node *base, struct hns_node *over);

const char *hns_kind_name(const struct hns_node *node); /* "a map", "text", "a number" ... */
bool hns_node_is_null(const struct hns_node *node);     /* NULL, "", ~ or null, not quoted */
bool hns_node_is_bool(const struct hns_node *node, bool *ret_value);
bool hns_node_is_int(const struct hns_node *node, int64_t *ret_value);
bool hns_node_is_number(const struct hns_node *node);
/* Value of a key, or NULL. The last of equal keys cannot happen: equal keys are refused. */
struct hns_node *hns_node_get(const struct hns_node *map, const char *key);
struct hns_node *hns_node_key(const struct hns_node *map, const char *key);

#endif

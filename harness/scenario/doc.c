#include "harness/scenario/doc.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <yaml.h>

struct anchor {
    char *name;
    struct hns_node *node;
    size_t nodes; /* size of what it stands for */
};

struct hns_doc {
    char *file;
    struct hns_node *root;
    struct hns_node **all; /* owns every node once; aliases share */
    size_t count;
    size_t expanded; /* count, with what aliases repeat */
    struct anchor *anchors;
    size_t anchor_count;
};

struct reader {
    yaml_parser_t yaml;
    struct hns_doc *doc;
    struct eca_view text;
    struct eca_err *err;
};

static int refuse(struct reader *reader, yaml_mark_t at, const char *what)
{
    return eca_err_set(reader->err, ECA_E_INVALID, "%s:%zu:%zu: %s", reader->doc->file, at.line + 1,
                       at.column + 1, what);
}

/* A brace inside flow style is the commonest slip: ${x} needs quotes there. */
static int refuse_yaml(struct reader *reader)
{
    const yaml_parser_t *yaml = &reader->yaml;
    yaml_mark_t at = yaml->problem_mark;
    size_t line = 0, from = 0;
    char what[200], opened[80] = "";
    struct eca_view rest;

    if (yaml->error == YAML_READER_ERROR) {
        return eca_err_set(reader->err, ECA_E_INVALID, "%s: byte %zu: %s", reader->doc->file,
                           yaml->problem_offset, yaml->problem);
    }
    while (line < at.line && from < reader->text.len) {
        line += reader->text.at[from++] == '\n' ? 1 : 0;
    }
    rest = eca_view_sub(reader->text, from, reader->text.len);
    rest = eca_view_sub(rest, 0, eca_view_find(rest, "\n", 0));
    if (yaml->context != NULL) { /* what is not closed, or not indented as its beginning */
        (void)snprintf(opened, sizeof opened, " %s that begins at %zu:%zu", yaml->context,
                       yaml->context_mark.line + 1, yaml->context_mark.column + 1);
    }
    (void)snprintf(what, sizeof what, "%s%s%s", yaml->problem == NULL ? "bad YAML" : yaml->problem,
                   opened,
                   eca_view_find(rest, "${", 0) != SIZE_MAX
                       ? "; inside {...} or [...] a variable needs quotes: \"${name}\""
                       : "");
    return refuse(reader, at, what);
}

static struct hns_node *own_node(struct hns_doc *doc, enum hns_kind kind)
{
    struct hns_node *node = eca_xalloc(sizeof *node);

    node->kind = kind;
    node->file = doc->file;
    doc->all = eca_xrealloc_array(doc->all, doc->count + 1, sizeof(struct hns_node *));
    doc->all[doc->count++] = node;
    doc->expanded++;
    return node;
}

static struct hns_node *new_node(struct reader *reader, enum hns_kind kind, yaml_mark_t at)
{
    struct hns_node *node = own_node(reader->doc, kind);

    node->line = (uint32_t)at.line + 1;
    node->column = (uint32_t)at.column + 1;
    return node;
}

static void remember(struct reader *reader, const yaml_char_t *name, struct hns_node *node,
                     size_t before)
{
    struct hns_doc *doc = reader->doc;

    if (name == NULL) {
        return;
    }
    doc->anchors = eca_xrealloc_array(doc->anchors, doc->anchor_count + 1, sizeof(struct anchor));
    doc->anchors[doc->anchor_count++] =
        (struct anchor){eca_xstrdup((const char *)name), node, doc->expanded - before};
}

static int read_node(struct reader *reader, const yaml_event_t *event, size_t depth,
                     struct hns_node **ret_node);

static int read_alias(struct reader *reader, const yaml_event_t *event, struct hns_node **ret_node)
{
    struct hns_doc *doc = reader->doc;

    for (size_t i = doc->anchor_count; i > 0; i--) { /* the latest of a name counts */
        if (strcmp(doc->anchors[i - 1].name, (const char *)event->data.alias.anchor) == 0) {
            doc->expanded += doc->anchors[i - 1].nodes;
            *ret_node = doc->anchors[i - 1].node;
            return ECA_OK;
        }
    }
    return refuse(reader, event->start_mark, "alias of an anchor that is not defined before it");
}

static void append(struct hns_node *node, struct hns_node *key, struct hns_node *item)
{
    if (key != NULL) {
        node->keys = eca_xrealloc_array(node->keys, node->count + 1, sizeof(struct hns_node *));
        node->keys[node->count] = key;
    }
    node->items = eca_xrealloc_array(node->items, node->count + 1, sizeof(struct hns_node *));
    node->items[node->count++] = item;
}

static int add_child(struct reader *reader, struct hns_node *node, struct hns_node *key,
                     struct hns_node *item)
{
    if (key != NULL) {
        if (hns_node_key(node, key->text) != NULL) {
            char what[160];

            (void)snprintf(what, sizeof what, "key \"%.60s\" stands here twice, first in line %u",
                           key->text, (unsigned)hns_node_key(node, key->text)->line);
            return refuse(reader, (yaml_mark_t){0, key->line - 1, key->column - 1}, what);
        }
    }
    append(node, key, item);
    return ECA_OK;
}

static int next_event(struct reader *reader, yaml_event_t *event)
{
    if (!yaml_parser_parse(&reader->yaml, event)) {
        return refuse_yaml(reader);
    }
    return ECA_OK;
}

/* One key or item of a collection; *ret_more false at the collection's end. */
static int read_child(struct reader *reader, yaml_event_type_t end, size_t depth,
                      struct hns_node **ret_node, bool *ret_more)
{
    yaml_event_t event;
    int code = next_event(reader, &event);

    if (code < 0) {
        return code;
    }
    *ret_more = event.type != end;
    if (*ret_more) {
        code = read_node(reader, &event, depth + 1, ret_node);
    }
    yaml_event_delete(&event);
    return code;
}

static int read_collection(struct reader *reader, struct hns_node *node, size_t depth)
{
    bool is_map = node->kind == HNS_MAP;
    yaml_event_type_t end = is_map ? YAML_MAPPING_END_EVENT : YAML_SEQUENCE_END_EVENT;

    for (;;) {
        struct hns_node *key = NULL, *item = NULL;
        bool more = false;
        int code = ECA_OK;

        if (is_map) {
            code = read_child(reader, end, depth, &key, &more);
            if (code < 0 || !more) {
                return code;
            }
            if (key->kind != HNS_SCALAR) {
                return refuse(reader, (yaml_mark_t){0, key->line - 1, key->column - 1},
                              "a key must be a word");
            }
        }
        code = read_child(reader, end, depth, &item, &more);
        if (code < 0 || !more) {
            return code;
        }
        code = add_child(reader, node, key, item);
        if (code < 0) {
            return code;
        }
    }
}

static int read_node(struct reader *reader, const yaml_event_t *event, size_t depth,
                     struct hns_node **ret_node)
{
    size_t before = reader->doc->expanded;
    struct hns_node *node;
    const yaml_char_t *anchor = NULL;
    int code = ECA_OK;

    if (depth > HNS_DEPTH_MAX) {
        return refuse(reader, event->start_mark, "nested too deeply");
    }
    if (before >= HNS_NODES_MAX) {
        return refuse(reader, event->start_mark, "more than 200000 values");
    }
    if (event->type == YAML_ALIAS_EVENT) {
        return read_alias(reader, event, ret_node);
    }
    if (event->type == YAML_SCALAR_EVENT) {
        node = new_node(reader, HNS_SCALAR, event->start_mark);
        node->text =
            eca_xstrndup((const char *)event->data.scalar.value, event->data.scalar.length);
        node->quoted = event->data.scalar.style != YAML_PLAIN_SCALAR_STYLE;
        anchor = event->data.scalar.anchor;
    } else {
        assert(event->type == YAML_MAPPING_START_EVENT || event->type == YAML_SEQUENCE_START_EVENT);
        node = new_node(reader, event->type == YAML_MAPPING_START_EVENT ? HNS_MAP : HNS_LIST,
                        event->start_mark);
        anchor = event->type == YAML_MAPPING_START_EVENT ? event->data.mapping_start.anchor
                                                         : event->data.sequence_start.anchor;
        code = read_collection(reader, node, depth);
    }
    remember(reader, anchor, node, before);
    *ret_node = node;
    return code;
}

static int read_document(struct reader *reader)
{
    for (;;) {
        yaml_event_t event;
        yaml_event_type_t type;
        int code = next_event(reader, &event);

        if (code < 0) {
            return code;
        }
        type = event.type;
        switch (type) {
        case YAML_STREAM_START_EVENT:
        case YAML_DOCUMENT_END_EVENT:
        case YAML_NO_EVENT:
        case YAML_STREAM_END_EVENT:
            break;
        case YAML_DOCUMENT_START_EVENT:
            if (reader->doc->root != NULL) {
                code = refuse(reader, event.start_mark, "a second document in one file");
            }
            break;
        case YAML_ALIAS_EVENT:
        case YAML_SCALAR_EVENT:
        case YAML_SEQUENCE_START_EVENT:
        case YAML_SEQUENCE_END_EVENT:
        case YAML_MAPPING_START_EVENT:
        case YAML_MAPPING_END_EVENT:
            code = read_node(reader, &event, 0, &reader->doc->root);
            break;
        }
        yaml_event_delete(&event);
        if (code < 0 || type == YAML_STREAM_END_EVENT) {
            return code;
        }
    }
}

int hns_doc_parse(struct eca_view text, const char *file, struct hns_doc **ret_doc,
                  struct eca_err *err)
{
    struct hns_doc *doc = eca_xalloc(sizeof *doc);
    struct reader reader = {.doc = doc, .text = text, .err = err};
    int code;

    doc->file = eca_xstrdup(file);
    if (!yaml_parser_initialize(&reader.yaml)) {
        hns_doc_free(doc);
        return eca_err_set(err, ECA_E_INTERNAL, "%s: YAML parser cannot start", file);
    }
    yaml_parser_set_input_string(&reader.yaml, (const unsigned char *)text.at, text.len);
    code = read_document(&reader);
    yaml_parser_delete(&reader.yaml);
    if (code == ECA_OK && doc->root == NULL) {
        code = eca_err_set(err, ECA_E_INVALID, "%s:1:1: the file is empty", file);
    }
    if (code < 0) {
        hns_doc_free(doc);
        return code;
    }
    *ret_doc = doc;
    return ECA_OK;
}

int hns_file_read(const char *path, struct eca_buf *out, struct eca_err *err)
{
    FILE *file = fopen(path, "re");
    char piece[8192];
    size_t len;
    int failed;

    if (file == NULL) {
        return eca_err_set_sys(err, ECA_E_NOT_FOUND, errno, "%s", path);
    }
    out->bytes_max = HNS_FILE_BYTES_MAX;
    while ((len = fread(piece, 1, sizeof piece, file)) > 0) {
        eca_buf_add(out, piece, len);
    }
    failed = ferror(file) != 0 ? errno : 0;
    (void)fclose(file);
    if (failed != 0) {
        return eca_err_set_sys(err, ECA_E_INTERNAL, failed, "%s", path);
    }
    if (out->full) {
        return eca_err_set(err, ECA_E_LIMIT, "%s: larger than %zu bytes", path, HNS_FILE_BYTES_MAX);
    }
    return ECA_OK;
}

int hns_doc_load(const char *path, struct hns_doc **ret_doc, struct eca_err *err)
{
    eca_auto_buf struct eca_buf text = {0};
    int code = hns_file_read(path, &text, err);

    return code < 0 ? code
                    : hns_doc_parse(eca_view_of(eca_buf_str(&text), text.len), path, ret_doc, err);
}

void hns_doc_free(struct hns_doc *doc)
{
    if (doc == NULL) {
        return;
    }
    for (size_t i = 0; i < doc->count; i++) {
        eca_free(doc->all[i]->text);
        eca_free(doc->all[i]->keys);
        eca_free(doc->all[i]->items);
        eca_free(doc->all[i]);
    }
    for (size_t i = 0; i < doc->anchor_count; i++) {
        eca_free(doc->anchors[i].name);
    }
    eca_free(doc->all);
    eca_free(doc->anchors);
    eca_free(doc->file);
    eca_free(doc);
}

struct hns_node *hns_doc_root(const struct hns_doc *doc)
{
    return doc->root;
}

bool hns_node_is_null(const struct hns_node *node)
{
    return node == NULL || (node->kind == HNS_SCALAR && !node->quoted &&
                            (node->text[0] == '\0' || strcmp(node->text, "~") == 0 ||
                             strcmp(node->text, "null") == 0));
}

bool hns_node_is_bool(const struct hns_node *node, bool *ret_value)
{
    if (node->kind != HNS_SCALAR || node->quoted) {
        return false;
    }
    *ret_value = strcmp(node->text, "true") == 0;
    return *ret_value || strcmp(node->text, "false") == 0;
}

bool hns_node_is_int(const struct hns_node *node, int64_t *ret_value)
{
    return node->kind == HNS_SCALAR && !node->quoted && node->text[0] != '+' &&
           eca_parse_i64(eca_view_str(node->text), ret_value, NULL) == ECA_OK;
}

bool hns_node_is_number(const struct hns_node *node)
{
    const char *at = node->text;
    int64_t whole;
    size_t digits = 0;

    if (node->kind != HNS_SCALAR || node->quoted) {
        return false;
    }
    if (hns_node_is_int(node, &whole)) {
        return true;
    }
    at += *at == '-' ? 1 : 0;
    for (; *at >= '0' && *at <= '9'; at++) {
        digits++;
    }
    if (digits > 0 && *at == '\0') {
        return true; /* counters go up to 2^64 */
    }
    if (digits == 0 || *at++ != '.') {
        return false;
    }
    return *at != '\0' && at[strspn(at, "0123456789")] == '\0';
}

const char *hns_kind_name(const struct hns_node *node)
{
    bool value;

    if (hns_node_is_null(node)) {
        return "nothing";
    }
    if (node->kind == HNS_MAP) {
        return "a map";
    }
    if (node->kind == HNS_LIST) {
        return "a list";
    }
    if (hns_node_is_bool(node, &value)) {
        return "true or false";
    }
    return hns_node_is_number(node) ? "a number" : "text";
}

static size_t find(const struct hns_node *map, const char *key)
{
    if (map == NULL || map->kind != HNS_MAP) {
        return SIZE_MAX;
    }
    for (size_t i = 0; i < map->count; i++) {
        if (strcmp(map->keys[i]->text, key) == 0) {
            return i;
        }
    }
    return SIZE_MAX;
}

struct hns_node *hns_node_get(const struct hns_node *map, const char *key)
{
    size_t at = find(map, key);

    return at == SIZE_MAX ? NULL : map->items[at];
}

struct hns_node *hns_node_key(const struct hns_node *map, const char *key)
{
    size_t at = find(map, key);

    return at == SIZE_MAX ? NULL : map->keys[at];
}

static struct hns_node *join(struct hns_doc *doc, const struct hns_node *base,
                             const struct hns_node *over)
{
    struct hns_node *both = own_node(doc, HNS_LIST);

    both->file = over->file;
    both->line = over->line;
    both->column = over->column;
    for (size_t i = 0; i < base->count + over->count; i++) {
        append(both, NULL, i < base->count ? base->items[i] : over->items[i - base->count]);
    }
    return both;
}

static struct hns_node *merge(struct hns_doc *doc, struct hns_node *base, struct hns_node *over)
{
    struct hns_node *both;

    if (base->kind != over->kind || base->kind == HNS_SCALAR) {
        return over;
    }
    if (base->kind == HNS_LIST) {
        return join(doc, base, over);
    }
    both = own_node(doc, HNS_MAP);
    both->file = over->file;
    both->line = over->line;
    both->column = over->column;
    for (size_t i = 0; i < base->count; i++) {
        struct hns_node *mine = hns_node_get(over, base->keys[i]->text);

        append(both, base->keys[i],
               mine == NULL ? base->items[i] : merge(doc, base->items[i], mine));
    }
    for (size_t i = 0; i < over->count; i++) {
        if (hns_node_get(base, over->keys[i]->text) == NULL) {
            append(both, over->keys[i], over->items[i]);
        }
    }
    return both;
}

struct hns_node *hns_doc_merge(struct hns_doc *doc, struct hns_node *base, struct hns_node *over)
{
    if (base == NULL || over == NULL) {
        return base == NULL ? over : base;
    }
    return merge(doc, base, over);
}

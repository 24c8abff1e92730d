#include "harness/record/lines.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "agent/record/record.h"

#define RECORDING_BYTES_MAX ((size_t)512 << 20)

static int read_file(const char *path, struct eca_buf *out, struct eca_err *err)
{
    FILE *file = fopen(path, "re");
    char piece[65536];
    size_t len = 0;
    bool failed;

    if (file == NULL) {
        return eca_err_set_sys(err, ECA_E_NOT_FOUND, errno, "%s", path);
    }
    out->bytes_max = RECORDING_BYTES_MAX;
    while (!out->full && (len = fread(piece, 1, sizeof(piece), file)) > 0) {
        eca_buf_add(out, piece, len);
    }
    failed = ferror(file) != 0;
    (void)fclose(file);
    if (failed) {
        return eca_err_set(err, ECA_E_INVALID, "%s: cannot be read", path);
    }
    return out->full ? eca_err_set(err, ECA_E_LIMIT, "%s: larger than a recording can be", path)
                     : ECA_OK;
}

static void split(struct hns_recording *recording)
{
    struct eca_view text = eca_buf_view(&recording->text);
    size_t cap = 0;

    while (text.len > 0) {
        size_t end = eca_view_find(text, "\n", 0);

        if (end == SIZE_MAX) {
            recording->cut = true; /* the last line was not written whole */
            return;
        }
        if (recording->count == cap) {
            cap = cap == 0 ? 1024 : cap * 2;
            recording->lines = eca_xrealloc_array(recording->lines, cap, sizeof(*recording->lines));
        }
        recording->lines[recording->count++] =
            eca_view_sub(text, 0, end - (end > 0 && text.at[end - 1] == '\r')); /* by mail */
        text = eca_view_sub(text, end + 1, SIZE_MAX);
    }
}

static int check_head(struct hns_recording *recording, struct eca_err *err)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *kind = NULL;
    int64_t format;

    if (recording->count > 0 && hns_recording_line(recording, 0, &doc, NULL) == ECA_OK) {
        kind = hns_line_text(eca_json_root(doc), "recording");
    }
    if (kind == NULL) {
        return eca_err_set(err, ECA_E_INVALID, "%s:1: not a recording", recording->file);
    }
    format = hns_line_number(eca_json_root(doc), "format");
    if (format != ECA_RECORDING_FORMAT) {
        return eca_err_set(err, ECA_E_INVALID,
                           "%s:1: recording of format %lld; this program knows format %d",
                           recording->file, (long long)format, ECA_RECORDING_FORMAT);
    }
    recording->outside = strcmp(kind, ECA_RECORDING_FLIGHT) != 0;
    return ECA_OK;
}

/* The number behind a key; false: there is none that can be a time. */
static bool read_time(struct eca_view line, size_t key_end, int64_t min, int64_t *ret_time)
{
    size_t len = 0;

    key_end += strspn(line.at + key_end, " "); /* somebody edited it */
    while (key_end + len < line.len && line.at[key_end + len] != ',' &&
           line.at[key_end + len] != ' ' && line.at[key_end + len] != '}') {
        len++;
    }
    return eca_parse_i64(eca_view_sub(line, key_end, len), ret_time, NULL) == ECA_OK &&
           *ret_time >= min;
}

/* Without parsing: the times stand near the beginning of a line. */
static int check_order(const struct hns_recording *recording, struct eca_err *err)
{
    static const char key[] = "\"at\":", wall_key[] = "\"wall\":";
    int64_t last = 0;

    for (size_t i = 0; i < recording->count; i++) {
        struct eca_view line = recording->lines[i];
        size_t at = eca_view_starts(line, "{\"in\":\"") ? eca_view_find(line, key, 0) : SIZE_MAX;
        size_t wall = at == SIZE_MAX ? SIZE_MAX : eca_view_find(line, wall_key, at);
        int64_t now;

        if (i > 0 && eca_view_starts(line, "{\"recording\":")) {
            return eca_err_set(err, ECA_E_INVALID, "%s:%zu: another recording begins here",
                               recording->file, i + 1);
        }
        if (at == SIZE_MAX) {
            continue;
        }
        if ((wall != SIZE_MAX && !read_time(line, wall + strlen(wall_key), INT64_MIN, &now)) ||
            !read_time(line, at + strlen(key), 0, &now)) {
            return eca_err_set(err, ECA_E_INVALID, "%s:%zu: its time is no number of a clock",
                               recording->file, i + 1);
        }
        if (now < last) {
            return eca_err_set(err, ECA_E_INVALID, "%s:%zu: time goes back: lines out of order",
                               recording->file, i + 1);
        }
        last = now;
    }
    return ECA_OK;
}

int hns_recording_read(const char *file, struct hns_recording *ret_recording, struct eca_err *err)
{
    int rc;

    *ret_recording = (struct hns_recording){.file = file};
    rc = read_file(file, &ret_recording->text, err);
    if (rc == ECA_OK) {
        split(ret_recording);
        rc = check_head(ret_recording, err);
        rc = rc == ECA_OK ? check_order(ret_recording, err) : rc;
    }
    if (rc < 0) {
        hns_recording_clear(ret_recording);
    }
    return rc;
}

void hns_recording_clear(struct hns_recording *recording)
{
    eca_buf_clear(&recording->text);
    eca_free(eca_take(recording->lines));
    recording->count = 0;
}

int hns_recording_line(const struct hns_recording *recording, size_t index,
                       struct eca_json_doc **ret_doc, struct eca_err *err)
{
    struct eca_err why = {0};
    int rc = eca_json_parse(recording->lines[index], ret_doc, &why);

    if (rc == ECA_OK && eca_json_type(eca_json_root(*ret_doc)) != ECA_JSON_OBJECT) {
        eca_json_free(eca_take(*ret_doc));
        rc = eca_err_set(&why, ECA_E_INVALID, "not a JSON object");
    }
    if (rc < 0) {
        return eca_err_set(err, ECA_E_INVALID, "%s:%zu: %s", recording->file, index + 1, why.msg);
    }
    return ECA_OK;
}

int64_t hns_line_number(eca_json line, const char *key)
{
    int64_t value = 0;

    (void)eca_json_read_i64(line, "", key, &value, NULL);
    return value;
}

bool hns_line_truth(eca_json line, const char *key)
{
    bool value = false;

    (void)eca_json_read_bool(line, "", key, &value, NULL);
    return value;
}

const char *hns_line_text(eca_json line, const char *key)
{
    const char *text = NULL;

    (void)eca_json_read_str(line, "", key, &text, NULL);
    return text;
}

bool hns_line_bytes(eca_json line, const char *key, struct eca_buf *out)
{
    eca_auto_free char *key64 = eca_xasprintf("%s64", key);
    eca_auto_free char *key_swapped = eca_xasprintf("%s'", key);
    const char *text = hns_line_text(line, key), *text64 = hns_line_text(line, key64);
    const char *swapped = hns_line_text(line, key_swapped);

    if (text != NULL) {
        eca_buf_add_str(out, text);
    } else if (text64 != NULL) {
        (void)eca_base64_decode(eca_view_str(text64), out, NULL);
    } else if (swapped != NULL) {
        for (const char *c = swapped; *c != '\0'; c++) {
            eca_buf_add_char(out, *c == '\'' ? '"' : *c);
        }
    }
    return text != NULL || text64 != NULL || swapped != NULL;
}

void hns_line_err(eca_json line, const char *key, struct eca_err *ret_err)
{
    eca_json object = eca_json_get(line, key);
    const char *msg = hns_line_text(object, "msg");

    *ret_err = (struct eca_err){.code = (enum eca_code)hns_line_number(object, "code"),
                                .sys = (int)hns_line_number(object, "sys"),
                                .http_status = (int)hns_line_number(object, "http")};
    (void)snprintf(ret_err->msg, sizeof(ret_err->msg), "%s", msg == NULL ? "" : msg);
}

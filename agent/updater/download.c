#include "agent/updater/download.h"

#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/timefmt.h"
#include "agent/base/version.h"
#include "agent/updater/location.h"

#define NS_PER_MS ((uint64_t)ECA_NS_PER_MS)
#define URL_BYTES_MAX ((size_t)8 << 10) /* of a redirect */

struct eca_update_download {
    struct eca_update_download_opts opts; /* texts owned */
    char *url;                            /* of the current hop */
    unsigned hops;
    uint64_t until_ns; /* total limit */
    struct eca_timer limit_timer;
    struct eca_deferred work; /* the next hop, or the end: never inside a call of a port */
    struct eca_http_call *call;
    char *next_url; /* from the head of a redirect */
    struct eca_files_op *file;
    struct eca_err failure;
};

static void give_up(struct eca_update_download *download, const struct eca_err *why)
{
    if (download->failure.code != ECA_OK) {
        return;
    }
    download->failure = *why;
    eca_timer_stop(&download->limit_timer);
    if (download->call != NULL) {
        eca_http_cancel(download->opts.http, eca_take(download->call));
    }
    if (download->file != NULL) {
        eca_files_cancel(download->opts.files, eca_take(download->file));
    }
    eca_deferred_queue(&download->work);
}

static void fail(struct eca_update_download *download, enum eca_code code, const char *why)
{
    struct eca_err err = {0};

    (void)eca_err_set(&err, code, "%s", why);
    give_up(download, &err);
}

/* ---- the file ------------------------------------------------------------------------------- */

static void on_named(void *arg, const struct eca_files_end *end)
{
    struct eca_update_download *download = arg;

    download->file = NULL;
    if (end->err.code != ECA_OK) {
        give_up(download, &end->err);
        return;
    }
    eca_timer_stop(&download->limit_timer);
    download->opts.on_done(download->opts.arg, NULL);
}

/* The supervisor reads this file, at any moment (UPD-125, UPD-132). */
static void name_image(struct eca_update_download *download)
{
    eca_auto_buf struct eca_buf text = {0};
    struct eca_err err = {0};

    eca_buf_addf(&text, "%s\n", download->opts.name);
    if (eca_files_replace(download->opts.files, download->opts.dir, ECA_UPDATE_DESIRED_IMAGE,
                          eca_buf_view(&text), on_named, download, &download->file, &err) < 0) {
        give_up(download, &err);
    }
}

static void on_file_end(void *arg, const struct eca_files_end *end)
{
    struct eca_update_download *download = arg;
    struct eca_view wanted = eca_view_trim(eca_view_str(download->opts.signature));

    download->file = NULL;
    if (end->err.code != ECA_OK) {
        give_up(download, &end->err);
    } else if (!eca_view_eq_str(wanted, end->sha256)) { /* case matters (UPD-123) */
        fail(download, ECA_E_INVALID, "Hashsum validation failed");
    } else {
        name_image(download);
    }
}

static bool open_file(struct eca_update_download *download)
{
    struct eca_err err = {0};

    if (eca_files_create(download->opts.files, download->opts.dir, download->opts.name, on_file_end,
                         download, &download->file, &err) < 0) {
        give_up(download, &err);
        return false;
    }
    return true;
}

/* ---- one hop -------------------------------------------------------------------------------- */

static bool is_redirect(int status)
{
    return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

/* Each hop has to be a place that updates may come from (UPD-121). */
static void take_redirect(struct eca_update_download *download, const char *location)
{
    eca_auto_buf struct eca_buf url = {.bytes_max = URL_BYTES_MAX};
    struct eca_err err = {0};

    if (download->hops == ECA_UPDATE_HOPS_MAX) {
        fail(download, ECA_E_LIMIT, "stopped after 10 redirects");
        return;
    }
    if (eca_update_location_follow(download->url, location == NULL ? "" : location, &url, &err) <
            0 ||
        (url.full && eca_err_set(&err, ECA_E_LIMIT, "the location is too long") < 0) ||
        eca_update_location_check(eca_buf_view(&url), &err) < 0) {
        (void)eca_err_wrap(&err, "redirect");
        give_up(download, &err);
        return;
    }
    download->hops++;
    eca_http_cancel(download->opts.http, eca_take(download->call)); /* its body says nothing */
    download->next_url = eca_buf_take(&url);
    eca_deferred_queue(&download->work);
}

static void on_head(void *arg, const struct eca_http_head *head)
{
    struct eca_update_download *download = arg;
    struct eca_err err = {0};

    if (is_redirect(head->status)) {
        take_redirect(download, eca_http_head_get(head, "location"));
    } else if (head->status != 200) {
        (void)eca_err_set(&err, ECA_E_INVALID, "unexpected HTTP status %d", head->status);
        give_up(download, &err);
    } else {
        (void)open_file(download);
    }
}

static void on_body(void *arg, struct eca_view bytes)
{
    struct eca_update_download *download = arg;
    struct eca_err err = {0};

    if (eca_files_write(download->opts.files, download->file, bytes, &err) < 0) {
        give_up(download, &err);
    }
}

static void on_http_end(void *arg, const struct eca_http_end *end)
{
    struct eca_update_download *download = arg;

    download->call = NULL;
    if (end->err.code != ECA_OK) {
        give_up(download, &end->err);
    } else if (download->file == NULL) {
        fail(download, ECA_E_INVALID, "the answer has no head");
    } else {
        eca_files_finish(download->opts.files, download->file);
    }
}

static void ask(struct eca_update_download *download)
{
    static const struct eca_http_events events = {on_head, on_body, on_http_end};
    static const char *const answer_headers[] = {"location", NULL};
    uint64_t now_ns = eca_sched_now_ns(download->opts.sched);
    const struct eca_http_header headers[] = {{"User-Agent", eca_user_agent}};
    struct eca_http_opts opts = {
        .method = "GET",
        .url = download->url,
        .headers = headers,
        .header_count = ECA_ARRAY_LEN(headers),
        .connect_ms = download->opts.limits.connect_ms,
        .body_bytes_max = download->opts.limits.bytes_max,
        .proxy = ECA_HTTP_PROXY_ENVIRONMENT,
        .insecure = false, /* whatever -k says (UPD-120) */
        .party = "update",
        .answer_headers = answer_headers,
    };
    struct eca_err err = {0};

    if (download->until_ns <= now_ns) {
        fail(download, ECA_E_TIMEOUT, "no complete answer in time");
        return;
    }
    opts.total_ms = (download->until_ns - now_ns + NS_PER_MS - 1) / NS_PER_MS;
    if (eca_http_start(download->opts.http, &opts, &events, download, &download->call, &err) < 0) {
        give_up(download, &err);
    }
}

static void run_work(void *arg)
{
    struct eca_update_download *download = arg;

    if (download->failure.code != ECA_OK) {
        download->opts.on_done(download->opts.arg, &download->failure);
        return;
    }
    if (download->next_url != NULL) {
        eca_free(download->url);
        download->url = eca_take(download->next_url);
    }
    ask(download);
}

static void on_limit(void *arg)
{
    fail(arg, ECA_E_TIMEOUT, "the disk does not answer in time");
}

/* ---- the object ----------------------------------------------------------------------------- */

static uint64_t or_default(uint64_t value, uint64_t fallback)
{
    return value > 0 ? value : fallback;
}

struct eca_update_download *eca_update_download_start(const struct eca_update_download_opts *opts)
{
    struct eca_update_download *download = eca_xalloc(sizeof(*download));
    struct eca_update_limits *limits = &download->opts.limits;

    download->opts = *opts;
    download->opts.url = NULL;
    download->url = eca_xstrdup(opts->url);
    download->opts.signature = eca_xstrdup(opts->signature);
    download->opts.dir = eca_xstrdup(opts->dir);
    download->opts.name = eca_xstrdup(opts->name);
    limits->total_ms = or_default(limits->total_ms, UINT64_C(15) * 60 * 1000);
    limits->connect_ms = or_default(limits->connect_ms, 40 * 1000);
    limits->disk_ms = or_default(limits->disk_ms, 60 * 1000);
    limits->bytes_max = or_default(limits->bytes_max, UINT64_C(1) << 30);
    download->until_ns = eca_sched_now_ns(opts->sched) + limits->total_ms * NS_PER_MS;
    eca_timer_init(&download->limit_timer, opts->sched, on_limit, download);
    eca_timer_start_ms(&download->limit_timer, limits->total_ms + limits->disk_ms);
    eca_deferred_init(&download->work, opts->sched, run_work, download);
    eca_deferred_queue(&download->work);
    return download;
}

static void free_text(const char *text)
{
    char *at = NULL;

    memcpy(&at, &text, sizeof(at)); /* our own copy, const only for readers */
    eca_free(at);
}

void eca_update_download_free(struct eca_update_download *download)
{
    if (download == NULL) {
        return;
    }
    eca_timer_stop(&download->limit_timer);
    eca_deferred_cancel(&download->work);
    if (download->call != NULL) {
        eca_http_cancel(download->opts.http, download->call);
    }
    if (download->file != NULL) {
        eca_files_cancel(download->opts.files, download->file);
    }
    free_text(download->opts.signature);
    free_text(download->opts.dir);
    free_text(download->opts.name);
    eca_free(download->url);
    eca_free(download->next_url);
    eca_free(download);
}

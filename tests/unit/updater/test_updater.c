#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/aws/digest.h"
#include "agent/base/mem.h"
#include "agent/base/version.h"
#include "agent/updater/updater.h"
#include "harness/sim/files.h"
#include "tests/unit/support/manual_clock.h"
#include "tests/unit/support/memory_store.h"
#include "tests/unit/support/script_http.h"

#define HOST "https://s3.amazonaws.com"
#define URL HOST "/amazon-ecs-agent/agent.tar"
#define DIR "/data"
#define MINUTE_MS 60000
#define TOTAL_MS (15 * MINUTE_MS)

static struct rig {
    struct manual_clock clock;
    struct manual_entropy entropy;
    struct memory_store store;
    struct eca_journal *journal;
    struct script_http *http;
    struct sim_machine machine;
    struct sim_files *files;
    struct eca_log log;
    struct eca_buf lines;   /* of the log */
    struct eca_buf answers; /* one a line: "<connection> <text>" */
    uint64_t connection;    /* current; 0 = none */
    size_t performed;
    struct eca_updater *updater;
} rig;

static uint64_t connection(void *arg)
{
    (void)arg;
    return rig.connection;
}

static bool answer(void *arg, uint64_t number, struct eca_view text, const char *message_id)
{
    (void)arg;
    ck_assert_ptr_nonnull(message_id);
    if (number != rig.connection) {
        return false;
    }
    eca_buf_addf(&rig.answers, "%llu %.*s\n", (unsigned long long)number, (int)text.len, text.at);
    return true;
}

static void perform(void *arg)
{
    (void)arg;
    ck_assert_msg(strstr(eca_buf_str(&rig.answers), "AckRequest") != NULL, "no ack before the end");
    rig.performed++;
}

static void on_line(void *arg, enum eca_log_level level, int64_t wall_ms, struct eca_view line)
{
    (void)arg;
    (void)wall_ms;
    eca_buf_addf(&rig.lines, "%s %.*s", eca_log_level_name(level), (int)line.len, line.at);
}

static void make_updater(bool enabled, struct eca_update_limits limits)
{
    static const struct eca_updater_events events = {connection, answer, perform};
    struct eca_updater_opts opts = {.sched = rig.clock.sched,
                                    .http = script_http_port(rig.http),
                                    .files = sim_files_port(rig.files),
                                    .entropy = manual_entropy_port(&rig.entropy),
                                    .log = &rig.log,
                                    .journal = rig.journal,
                                    .limits = limits,
                                    .enabled = enabled,
                                    .dir = DIR,
                                    .events = &events};

    eca_updater_free(rig.updater);
    rig.updater = eca_updater_new(&opts);
}

static void setup(void)
{
    struct eca_journal_opts journal_opts = {0};

    rig = (struct rig){.entropy = {.state = 7}, .connection = 1};
    manual_clock_init(&rig.clock);
    memory_store_init(&rig.store, rig.clock.sched);
    journal_opts = (struct eca_journal_opts){.sched = rig.clock.sched,
                                             .store = memory_store_port(&rig.store),
                                             .entropy = manual_entropy_port(&rig.entropy)};
    rig.journal = eca_journal_new(&journal_opts);
    rig.http = script_http_new(rig.clock.sched);
    sim_machine_init(&rig.machine, DIR);
    rig.files = sim_files_new(rig.clock.sched, &rig.machine);
    rig.log = (struct eca_log){.level = ECA_LOG_DEBUG, .sink = on_line};
    make_updater(true, (struct eca_update_limits){0});
}

static void teardown(void)
{
    eca_updater_free(rig.updater);
    memory_store_drop(&rig.store);
    eca_journal_free(rig.journal);
    memory_store_clear(&rig.store);
    script_http_free(rig.http);
    sim_files_free(rig.files);
    sim_machine_clear(&rig.machine);
    manual_clock_clear(&rig.clock);
    eca_buf_clear(&rig.lines);
    eca_buf_clear(&rig.answers);
}

/* ---- messages ------------------------------------------------------------------------------- */

static void stage_json(const char *json)
{
    eca_auto_json struct eca_json_doc *doc = NULL;

    ck_assert_int_eq(eca_json_parse(eca_view_str(json), &doc, NULL), 0);
    eca_updater_on_stage(rig.updater, eca_json_root(doc));
}

static void perform_json(const char *json)
{
    eca_auto_json struct eca_json_doc *doc = NULL;

    ck_assert_int_eq(eca_json_parse(eca_view_str(json), &doc, NULL), 0);
    eca_updater_on_perform(rig.updater, eca_json_root(doc));
}

static void stage_at(const char *id, const char *url, const char *signature)
{
    eca_auto_free char *json = eca_xasprintf("{\"messageId\":\"%s\",\"clusterArn\":\"c\","
                                             "\"containerInstanceArn\":\"i\",\"updateInfo\":{"
                                             "\"location\":\"%s\",\"signature\":\"%s\"}}",
                                             id, url, signature);

    stage_json(json);
}

static const char *digest_of(const char *text)
{
    static char hex[4][ECA_SHA256_HEX_BYTES];
    static size_t turn;

    turn = (turn + 1) % 4;
    eca_sha256_hex(eca_view_str(text), hex[turn]);
    return hex[turn];
}

static void expect_get(const char *body)
{
    script_http_expect(rig.http,
                       (struct script_answer){.method = "GET", .status = 200, .body = body});
}

/* A stage message whose download gives `body`; its signature is right. */
static void stage(const char *id, const char *body)
{
    expect_get(body);
    stage_at(id, URL, digest_of(body));
    manual_clock_advance_ms(&rig.clock, 100);
}

static void perform_update(const char *id)
{
    eca_auto_free char *json = eca_xasprintf("{\"messageId\":\"%s\",\"clusterArn\":\"c\","
                                             "\"containerInstanceArn\":\"i\"}",
                                             id);

    perform_json(json);
}

/* The answers since the last call are these lines. */
static void answers_are(const char *expected)
{
    ck_assert_str_eq(eca_buf_str(&rig.answers), expected);
    eca_buf_reset(&rig.answers);
}

#define ACK(id)                                                                                    \
    "1 {\"type\":\"AckRequest\",\"message\":{\"cluster\":\"c\",\"containerInstance\":\"i\","       \
    "\"messageId\":\"" id "\"}}\n"
#define NACK(id, reason)                                                                           \
    "1 {\"type\":\"NackRequest\",\"message\":{\"cluster\":\"c\",\"containerInstance\":\"i\","      \
    "\"messageId\":\"" id "\",\"reason\":\"" reason "\"}}\n"

static bool logged(const char *text)
{
    return strstr(eca_buf_str(&rig.lines), text) != NULL;
}

/* ---- files ---------------------------------------------------------------------------------- */

static size_t tar_files(void)
{
    size_t cursor = 0, count = 0;
    const char *path;

    while (eca_map_next(rig.machine.files, &cursor, &path, NULL)) {
        count += eca_view_ends(eca_view_str(path), ".ecs-update.tar") ? 1 : 0;
    }
    return count;
}

static size_t records(void)
{
    return eca_map_count(rig.store.rows[ECA_RECORD_UPDATE]);
}

/* Content of the file that desired-image names; NULL when it names none. */
static const char *desired(void)
{
    const char *name = eca_map_get(rig.machine.files, DIR "/desired-image");
    eca_auto_free char *path = NULL;

    if (name == NULL) {
        return NULL;
    }
    ck_assert_uint_eq(strlen(name), 20 + strlen(".ecs-update.tar\n"));
    ck_assert_uint_eq(strspn(name, "0123456789abcdef"), 20);
    path = eca_xasprintf(DIR "/%.*s", (int)strlen(name) - 1, name);
    ck_assert_msg(name[strlen(name) - 1] == '\n', "no newline at the end");
    return eca_map_get(rig.machine.files, path);
}

/* ---- stage ---------------------------------------------------------------------------------- */

/* UPD-101, UPD-102, UPD-115, UPD-122, UPD-123, UPD-125 */
START_TEST(good_update_is_stored_named_and_acknowledged)
{
    stage("m1", "the next agent");
    answers_are(ACK("m1"));
    ck_assert_int_eq(eca_updater_stage(rig.updater), ECA_UPDATE_DOWNLOADED);
    ck_assert_str_eq(desired(), "the next agent");
    ck_assert_uint_eq(tar_files(), 1);
}
END_TEST

/* UPD-120: the request as v1.13.1 makes it, but for the coding of the content */
START_TEST(request_is_the_one_of_the_service)
{
    const struct script_request *request;

    stage("m1", "x");
    request = script_http_last(rig.http);
    ck_assert_str_eq(request->method, "GET");
    ck_assert_str_eq(request->url, URL);
    ck_assert_str_eq(script_request_header(request, "User-Agent"), eca_user_agent);
    ck_assert_ptr_nonnull(strstr(eca_user_agent, "(+http://aws.amazon.com/ecs/)"));
    ck_assert_ptr_null(script_request_header(request, "Accept-Encoding"));
    ck_assert_uint_eq(request->total_ms, TOTAL_MS);
    ck_assert_uint_eq(request->connect_ms, 40000);
    ck_assert_uint_eq(request->body_bytes_max, UINT64_C(1) << 30); /* UPD-127 */
    ck_assert_int_eq(request->proxy, ECA_HTTP_PROXY_ENVIRONMENT);
    ck_assert(!request->insecure);
}
END_TEST

/* UPD-110 */
START_TEST(stage_without_message_id_is_not_answered)
{
    stage_json("{\"updateInfo\":{\"location\":\"" URL "\",\"signature\":\"s\"}}");
    stage_json("{\"messageId\":7}");
    eca_updater_on_stage(rig.updater, NULL);
    manual_clock_advance_ms(&rig.clock, 100);
    answers_are("");
    ck_assert(logged("ERROR") && logged("StageUpdate without message id"));
    ck_assert_uint_eq(script_http_count(rig.http), 0);
}
END_TEST

/* UPD-101, UPD-111, UPD-117, UPD-130 */
START_TEST(disabled_updates_are_refused)
{
    make_updater(false, (struct eca_update_limits){0});
    stage_at("m1", URL, "s");
    answers_are(NACK("m1", "Updates are disabled"));
    ck_assert(logged("Nacking StageUpdate; reason: Updates are disabled"));
    perform_update("m2");
    answers_are(NACK("m2", "Updates are disabled"));
    ck_assert_uint_eq(script_http_count(rig.http), 0);
    ck_assert_uint_eq(rig.performed, 0);
}
END_TEST

/* UPD-112, UPD-117; ACS-302: members that are absent stay absent */
START_TEST(invalid_messages_are_refused_with_their_detail)
{
    static const struct {
        const char *info, *detail;
    } cases[] = {
        {"", "no update info given"},
        {",\"updateInfo\":null", "no update info given"},
        {",\"updateInfo\":{\"signature\":\"s\"}", "no location given"},
        {",\"updateInfo\":{}", "no location given"},
        {",\"updateInfo\":{\"location\":\"" URL "\"}", "no signature given"},
        {",\"updateInfo\":{\"location\":\"https://s3.eu-west-1.amazonaws.com/amazon-ecs-agent/a\","
         "\"signature\":\"s\"}",
         "invalid update host"},
        {",\"updateInfo\":{\"location\":\"" HOST "/other/a\",\"signature\":\"s\"}",
         "invalid update bucket"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        eca_auto_free char *json = eca_xasprintf("{\"messageId\":\"m\"%s}", cases[i].info);
        eca_auto_free char *expected =
            eca_xasprintf("1 {\"type\":\"NackRequest\",\"message\":{\"messageId\":\"m\",\"reason\":"
                          "\"Invalid update: %s\"}}\n",
                          cases[i].detail);

        stage_json(json);
        answers_are(expected);
    }
    ck_assert(logged("Nacking StageUpdate; reason: Invalid update: invalid update bucket"));
    ck_assert_uint_eq(script_http_count(rig.http), 0);
}
END_TEST

/* UPD-113 */
START_TEST(same_signature_is_acknowledged_without_a_download)
{
    stage("m1", "one");
    stage_at("m2", URL, digest_of("one"));
    answers_are(ACK("m1") ACK("m2"));
    ck_assert_uint_eq(script_http_count(rig.http), 1);
}
END_TEST

/* UPD-102: the signature as received, blanks included, names an update; UPD-123 trims it */
START_TEST(signature_with_other_blanks_is_another_update)
{
    eca_auto_free char *blanks = eca_xasprintf(" %s\\n", digest_of("one"));

    stage("m1", "one");
    expect_get("one");
    stage_at("m2", URL, blanks);
    manual_clock_advance_ms(&rig.clock, 100);
    answers_are(ACK("m1") NACK("m1", "New update arrived: m2") ACK("m2"));
}
END_TEST

/* UPD-114, UPD-126: also when it had been acknowledged */
START_TEST(another_update_takes_the_place_of_the_first)
{
    stage("m1", "one");
    stage("m2", "two");
    answers_are(ACK("m1") NACK("m1", "New update arrived: m2") ACK("m2"));
    ck_assert_str_eq(desired(), "two");
    ck_assert_uint_eq(tar_files(), 1);
    ck_assert_uint_eq(records(), 1);
}
END_TEST

/* UPD-116: what an invalid message finds staged stays, and can be performed */
START_TEST(invalid_message_leaves_a_staged_update_alone)
{
    stage("m1", "one");
    stage_at("m2", HOST "/other/a", "s");
    perform_update("m3");
    answers_are(ACK("m1") NACK("m2", "Invalid update: invalid update bucket") ACK("m3"));
    ck_assert_uint_eq(rig.performed, 1);
}
END_TEST

/* UPD-116, UPD-130: a failed download ends the stage, the earlier files stay */
START_TEST(failed_download_forgets_the_stage_but_keeps_the_files)
{
    stage("m1", "one");
    eca_buf_reset(&rig.answers);
    script_http_expect(rig.http, (struct script_answer){.status = 500, .body = "sorry"});
    stage_at("m2", URL, digest_of("two"));
    manual_clock_advance_ms(&rig.clock, 100);
    perform_update("m3");
    answers_are(NACK("m1", "New update arrived: m2")
                    NACK("m2", "Unable to download: unexpected HTTP status 500")
                        NACK("m3", "Cannot perform update; update not downloaded"));
    ck_assert_str_eq(desired(), "one");
    ck_assert_uint_eq(tar_files(), 1);
}
END_TEST

/* ---- download ------------------------------------------------------------------------------- */

/* UPD-115, UPD-117, UPD-123, UPD-124: upper case is another checksum */
START_TEST(wrong_checksum_is_refused_and_leaves_nothing)
{
    static const char *const signatures[] = {
        "0000", "9F86D081884C7D659A2FEAA0C55AD015A3BF4F1B2B0B822CD15D6C15B0F00A08",
        "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a0", ""};

    ck_assert_str_eq(digest_of("test"),
                     "9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08");
    for (size_t i = 0; i < ECA_ARRAY_LEN(signatures); i++) {
        expect_get("test");
        stage_at("m1", URL, signatures[i]);
        manual_clock_advance_ms(&rig.clock, 100);
        answers_are(NACK("m1", "Unable to download: Hashsum validation failed"));
        ck_assert_int_eq(eca_updater_stage(rig.updater), ECA_UPDATE_NONE);
        ck_assert_uint_eq(tar_files(), 0);
        ck_assert_uint_eq(records(), 0);
        ck_assert_ptr_null(desired());
    }
    ck_assert(logged("Nacking StageUpdate; reason: Unable to download: Hashsum validation failed"));
}
END_TEST

/* UPD-121: whatever the page contains */
START_TEST(only_status_200_is_an_update)
{
    static const int statuses[] = {201, 204, 206, 304, 403, 404, 500, 503};

    for (size_t i = 0; i < ECA_ARRAY_LEN(statuses); i++) {
        eca_auto_free char *expected = eca_xasprintf(
            "1 {\"type\":\"NackRequest\",\"message\":{\"cluster\":\"c\",\"containerInstance\":"
            "\"i\",\"messageId\":\"m\",\"reason\":\"Unable to download: unexpected HTTP status "
            "%d\"}}\n",
            statuses[i]);

        script_http_expect(rig.http, (struct script_answer){.status = statuses[i], .body = "page"});
        stage_at("m", URL, digest_of("page"));
        manual_clock_advance_ms(&rig.clock, 100);
        answers_are(expected);
        ck_assert_uint_eq(tar_files(), 0);
    }
    ck_assert_uint_eq(script_http_open_calls(rig.http), 0);
}
END_TEST

/* UPD-115, UPD-124: errors before the head, in the middle, and at once */
START_TEST(network_errors_are_refused_and_leave_nothing)
{
    script_http_expect(rig.http, (struct script_answer){.error = ECA_E_TRANSIENT,
                                                        .error_text = "connection refused"});
    stage_at("m1", URL, digest_of("abcd"));
    manual_clock_advance_ms(&rig.clock, 100);
    answers_are(NACK("m1", "Unable to download: connection refused"));
    script_http_expect(rig.http, (struct script_answer){.status = 200,
                                                        .body = "ab",
                                                        .error = ECA_E_AMBIGUOUS,
                                                        .error_text = "cut off"});
    stage_at("m2", URL, digest_of("abcd"));
    manual_clock_advance_ms(&rig.clock, 100);
    answers_are(NACK("m2", "Unable to download: cut off"));
    script_http_refuse_next(rig.http, ECA_E_INVALID);
    stage_at("m3", URL, digest_of("abcd"));
    manual_clock_advance_ms(&rig.clock, 100);
    answers_are(NACK("m3", "Unable to download: refused by the script"));
    ck_assert_uint_eq(tar_files(), 0);
    ck_assert_uint_eq(records(), 0);
}
END_TEST

/* UPD-120, UPD-124 */
START_TEST(silence_ends_after_fifteen_minutes)
{
    script_http_expect(rig.http,
                       (struct script_answer){.status = 200, .body = "half", .hold = true});
    stage_at("m1", URL, digest_of("half and half"));
    manual_clock_advance_ms(&rig.clock, TOTAL_MS - 1000);
    answers_are("");
    ck_assert_uint_eq(tar_files(), 1);
    manual_clock_advance_ms(&rig.clock, 2000);
    answers_are(NACK("m1", "Unable to download: TIMEOUT"));
    ck_assert_uint_eq(tar_files(), 0);
}
END_TEST

/* UPD-120, UPD-121: up to ten, each checked, all within one limit */
START_TEST(redirects_are_followed_and_checked)
{
    script_http_expect(rig.http, (struct script_answer){.url = URL,
                                                        .delay_ms = MINUTE_MS,
                                                        .status = 302,
                                                        .headers = {{"location", "moved.tar"}},
                                                        .body = "see there"});
    script_http_expect(
        rig.http,
        (struct script_answer){.url = HOST "/amazon-ecs-agent/moved.tar",
                               .status = 308,
                               .headers = {{"location", "//s3.amazonaws.com/amazon-ecs-agent/z"}}});
    script_http_expect(
        rig.http,
        (struct script_answer){.url = HOST "/amazon-ecs-agent/z", .status = 200, .body = "new"});
    stage_at("m1", URL, digest_of("new"));
    manual_clock_advance_ms(&rig.clock, 2 * MINUTE_MS);
    answers_are(ACK("m1"));
    ck_assert_str_eq(desired(), "new");
    ck_assert_uint_le(script_http_last(rig.http)->total_ms, TOTAL_MS - MINUTE_MS);
}
END_TEST

/* UPD-121 */
START_TEST(redirects_out_of_the_bucket_are_refused)
{
    static const struct {
        const char *location, *reason;
    } cases[] = {
        {"https://example.com/amazon-ecs-agent/a", "redirect: invalid update host"},
        {"https://s3.amazonaws.com:8443/amazon-ecs-agent/a", "redirect: invalid update host"},
        {"/other/a", "redirect: invalid update bucket"},
        {"../a", "redirect: invalid update bucket"},
        {NULL, "redirect: redirect without a location"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        struct script_answer moved = {.status = 301};
        eca_auto_free char *expected = eca_xasprintf(
            "1 {\"type\":\"NackRequest\",\"message\":{\"cluster\":\"c\",\"containerInstance\":"
            "\"i\",\"messageId\":\"m\",\"reason\":\"Unable to download: %s\"}}\n",
            cases[i].reason);

        if (cases[i].location != NULL) {
            moved.headers[0] = (struct eca_http_header){"location", cases[i].location};
        }
        script_http_expect(rig.http, moved);
        stage_at("m", URL, "s");
        manual_clock_advance_ms(&rig.clock, 100);
        answers_are(expected);
    }
    ck_assert_uint_eq(script_http_count(rig.http), ECA_ARRAY_LEN(cases));
}
END_TEST

/* UPD-120 */
START_TEST(eleventh_redirect_is_one_too_many)
{
    script_http_expect(rig.http, (struct script_answer){.times = SCRIPT_FOREVER,
                                                        .status = 303,
                                                        .headers = {{"location", URL}}});
    stage_at("m1", URL, "s");
    manual_clock_advance_ms(&rig.clock, 100);
    answers_are(NACK("m1", "Unable to download: stopped after 10 redirects"));
    ck_assert_uint_eq(script_http_count(rig.http), 11);
}
END_TEST

/* UPD-127, UPD-124 */
START_TEST(larger_than_the_limit_is_refused)
{
    make_updater(true, (struct eca_update_limits){.bytes_max = 8});
    script_http_expect(rig.http,
                       (struct script_answer){.status = 200, .body = "12345678", .piece_bytes = 3});
    stage_at("m1", URL, digest_of("12345678"));
    manual_clock_advance_ms(&rig.clock, 100);
    script_http_expect(
        rig.http, (struct script_answer){.status = 200, .body = "123456789", .piece_bytes = 3});
    stage_at("m2", URL, digest_of("123456789"));
    manual_clock_advance_ms(&rig.clock, 100);
    answers_are(ACK("m1") NACK("m1", "New update arrived: m2")
                    NACK("m2", "Unable to download: LIMIT"));
    ck_assert_uint_eq(tar_files(), 1);
}
END_TEST

/* UPD-127, UPD-124 */
START_TEST(full_disk_is_refused_and_keeps_no_file)
{
    sim_files_full(rig.files, true);
    stage("m1", "does not fit");
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&rig.answers), "No space left on device"));
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&rig.answers), "Unable to download: write"));
    ck_assert_uint_eq(tar_files(), 0);
    ck_assert_uint_eq(records(), 0);
    ck_assert_uint_eq(script_http_open_calls(rig.http), 0);
    sim_files_full(rig.files, false);
    eca_buf_reset(&rig.answers);
    stage("m2", "fits now");
    answers_are(ACK("m2"));
}
END_TEST

/* UPD-125: then the old image stays the desired one */
START_TEST(failure_to_name_the_image_is_a_failed_download)
{
    stage("m1", "one");
    eca_buf_reset(&rig.answers);
    script_http_expect(rig.http,
                       (struct script_answer){.status = 200, .body = "two", .hold = true});
    stage_at("m2", URL, digest_of("two"));
    manual_clock_advance_ms(&rig.clock, 100);
    ck_assert_uint_eq(tar_files(), 2);
    sim_files_full(rig.files, true);
    script_http_end(rig.http, 1, ECA_OK);
    manual_clock_advance_ms(&rig.clock, 100);
    ck_assert_ptr_nonnull(strstr(eca_buf_str(&rig.answers), "\"messageId\":\"m2\",\"reason\":"
                                                            "\"Unable to download: write /data/"
                                                            "desired-image: No space"));
    ck_assert_str_eq(desired(), "one");
    ck_assert_uint_eq(tar_files(), 1);
}
END_TEST

/* A disk that never answers: DESIGN section 5, a deadline on everything. */
START_TEST(hanging_disk_ends_the_download)
{
    sim_files_slow(rig.files, 24 * 60 * MINUTE_MS);
    stage("m1", "one");
    answers_are("");
    manual_clock_advance_ms(&rig.clock, TOTAL_MS + 2 * MINUTE_MS);
    answers_are(NACK("m1", "Unable to download: the disk does not answer in time"));
    ck_assert_uint_eq(tar_files(), 0);
}
END_TEST

/* UPD-126: a file is journaled before it is there, and until it has gone */
START_TEST(every_file_is_journaled_before_it_exists)
{
    expect_get("one");
    rig.store.commit_ms = 1000;
    stage_at("m1", URL, digest_of("one"));
    manual_clock_advance_ms(&rig.clock, 999);
    ck_assert_uint_eq(tar_files(), 0);
    ck_assert_uint_eq(script_http_count(rig.http), 0);
    manual_clock_advance_ms(&rig.clock, 100);
    ck_assert_uint_eq(records(), 1);
    ck_assert_uint_eq(tar_files(), 1);
    answers_are(ACK("m1"));
}
END_TEST

/* STATE-122: updates go on while nothing can be stored */
START_TEST(failing_store_does_not_prevent_an_update)
{
    rig.store.fail = UINT32_MAX;
    stage("m1", "one");
    answers_are(ACK("m1"));
}
END_TEST

/* UPD-126: files of earlier lives go with the next success, strangers' files never */
START_TEST(files_of_earlier_lives_are_removed_by_the_next_update)
{
    static const char old[] = DIR "/0123456789abcdef0123.ecs-update.tar";
    static const char *const strangers[] = {"",
                                            "/",
                                            "desired-image",
                                            DIR "/agent.db",
                                            DIR "/0123456789abcdef0123.ecs-update.tar.gz",
                                            DIR "/0123456789ABCDEF0123.ecs-update.tar",
                                            DIR "/123456789abcdef0123.ecs-update.tar",
                                            "/0123456789abcdef0123.ecs-update.tar"};
    struct eca_err err = {0};

    sim_machine_file(&rig.machine, old, eca_view_str("old"));
    ck_assert_int_eq(eca_updater_restore(rig.updater, old, &err), ECA_OK);
    ck_assert_int_eq(eca_updater_restore(rig.updater, old, &err), ECA_OK); /* twice is once */
    for (size_t i = 0; i < ECA_ARRAY_LEN(strangers); i++) {
        ck_assert_msg(eca_updater_restore(rig.updater, strangers[i], &err) == ECA_E_INVALID,
                      "%s was taken", strangers[i]);
    }
    sim_machine_file(&rig.machine, DIR "/ffffffffffffffffffff.ecs-update.tar",
                     eca_view_str("not ours"));
    script_http_expect(rig.http, (struct script_answer){.status = 404});
    stage_at("m1", URL, "s");
    manual_clock_advance_ms(&rig.clock, 100);
    ck_assert_ptr_nonnull(eca_map_get(rig.machine.files, old)); /* a failure removes nothing old */
    stage("m2", "new");
    ck_assert_ptr_null(eca_map_get(rig.machine.files, old));
    ck_assert_ptr_nonnull(
        eca_map_get(rig.machine.files, DIR "/ffffffffffffffffffff.ecs-update.tar"));
    ck_assert_str_eq(desired(), "new");
    ck_assert_uint_eq(records(), 1);
}
END_TEST

/* UPD-126: a bound that lets the next attempt through */
START_TEST(number_of_files_is_bounded)
{
    struct eca_err err = {0};

    for (unsigned i = 0; i < 64; i++) {
        eca_auto_free char *path = eca_xasprintf(DIR "/%020x.ecs-update.tar", i);

        ck_assert_int_eq(eca_updater_restore(rig.updater, path, &err), ECA_OK);
    }
    ck_assert_int_eq(
        eca_updater_restore(rig.updater, DIR "/00000000000000000fff.ecs-update.tar", &err),
        ECA_E_LIMIT);
    stage_at("m1", URL, digest_of("new"));
    manual_clock_advance_ms(&rig.clock, 100);
    answers_are(NACK("m1", "Unable to download: too many update files wait for their removal"));
    stage("m2", "new");
    answers_are(ACK("m2"));
    ck_assert_uint_eq(records(), 1);
}
END_TEST

/* ---- order ---------------------------------------------------------------------------------- */

/* UPD-103, UPD-105: one at a time in their order, and nobody waits inside the call */
START_TEST(messages_are_handled_in_order_while_a_download_runs)
{
    script_http_expect(rig.http,
                       (struct script_answer){.status = 200, .body = "one", .hold = true});
    stage_at("m1", URL, digest_of("one"));
    manual_clock_advance_ms(&rig.clock, 100);
    stage_at("m2", URL, digest_of("one"));
    stage_at("m3", HOST "/other/a", "s");
    perform_update("m4");
    manual_clock_advance_ms(&rig.clock, MINUTE_MS);
    answers_are("");
    ck_assert_int_eq(eca_updater_stage(rig.updater), ECA_UPDATE_DOWNLOADING);
    script_http_end(rig.http, 0, ECA_OK);
    manual_clock_advance_ms(&rig.clock, 100);
    answers_are(ACK("m1") ACK("m2") NACK("m3", "Invalid update: invalid update bucket") ACK("m4"));
    ck_assert_uint_eq(rig.performed, 1);
}
END_TEST

START_TEST(queue_is_bounded_and_long_members_are_dropped)
{
    eca_auto_free char *long_text = eca_xalloc(ECA_UPDATER_TEXT_BYTES_MAX + 2);

    memset(long_text, 'a', ECA_UPDATER_TEXT_BYTES_MAX + 1);
    stage_at("m0", URL, long_text);
    answers_are("");
    ck_assert(logged("An update message is dropped"));
    eca_buf_reset(&rig.lines);
    script_http_expect(rig.http, (struct script_answer){.silent = true});
    script_http_expect(rig.http, (struct script_answer){.times = SCRIPT_FOREVER, .status = 404});
    for (size_t i = 0; i < ECA_UPDATER_QUEUE_MAX; i++) {
        stage_at("m1", URL, "s");
    }
    ck_assert(!logged("is dropped"));
    stage_at("m1", URL, "s");
    ck_assert(logged("is dropped"));
    manual_clock_advance_ms(&rig.clock, TOTAL_MS + MINUTE_MS);
    ck_assert_uint_eq(script_http_count(rig.http), ECA_UPDATER_QUEUE_MAX);
}
END_TEST

/* UPD-104, UPD-105, UPD-113: the update survives the connection, the answer does not */
START_TEST(staged_update_survives_a_reconnect)
{
    script_http_expect(rig.http,
                       (struct script_answer){.status = 200, .body = "one", .hold = true});
    stage_at("m1", URL, digest_of("one"));
    manual_clock_advance_ms(&rig.clock, 100);
    rig.connection = 2;
    script_http_end(rig.http, 0, ECA_OK);
    manual_clock_advance_ms(&rig.clock, 100);
    answers_are("");
    ck_assert_int_eq(eca_updater_stage(rig.updater), ECA_UPDATE_DOWNLOADED);
    perform_update("m2");
    answers_are("2 {\"type\":\"AckRequest\",\"message\":{\"cluster\":\"c\",\"containerInstance\":"
                "\"i\",\"messageId\":\"m2\"}}\n");
    ck_assert_uint_eq(rig.performed, 1);
}
END_TEST

/* ---- perform -------------------------------------------------------------------------------- */

/* UPD-130 */
START_TEST(perform_without_stage_is_refused)
{
    perform_update("m1");
    answers_are(NACK("m1", "Cannot perform update; update not downloaded"));
    perform_json("{\"clusterArn\":\"c\"}");
    eca_updater_on_perform(rig.updater, NULL);
    answers_are("");
    ck_assert(logged("PerformUpdate without message id"));
    ck_assert_uint_eq(rig.performed, 0);
}
END_TEST

/* UPD-130: no message id, no exit, even when an update is staged; updateInfo is not compared */
START_TEST(perform_needs_nothing_but_its_message_id)
{
    stage("m1", "one");
    eca_buf_reset(&rig.answers);
    perform_json("{\"clusterArn\":\"c\"}");
    ck_assert_uint_eq(rig.performed, 0);
    perform_json("{\"messageId\":\"m2\",\"clusterArn\":\"c\",\"containerInstanceArn\":\"i\","
                 "\"updateInfo\":{\"location\":\"elsewhere\",\"signature\":\"other\"}}");
    answers_are(ACK("m2"));
    ck_assert_uint_eq(rig.performed, 1);
}
END_TEST

/* UPD-131: an acknowledgement that did not leave is none, the process goes on; afterwards nothing
 * is handled any more. UPD-132: whatever happens to containers is not the updater's. */
START_TEST(process_ends_only_behind_an_acknowledgement)
{
    script_http_expect(rig.http,
                       (struct script_answer){.status = 200, .body = "one", .hold = true});
    stage_at("m1", URL, digest_of("one"));
    perform_update("m2"); /* queued behind the download, its connection goes */
    manual_clock_advance_ms(&rig.clock, 100);
    rig.connection = 2;
    script_http_end(rig.http, 0, ECA_OK);
    manual_clock_advance_ms(&rig.clock, 100);
    ck_assert_uint_eq(rig.performed, 0);
    perform_update("m3");
    perform_update("m4");
    stage_at("m5", HOST "/other/a", "s");
    manual_clock_advance_ms(&rig.clock, 100);
    ck_assert_uint_eq(rig.performed, 1);
    ck_assert_ptr_null(strstr(eca_buf_str(&rig.answers), "m4"));
    ck_assert_ptr_null(strstr(eca_buf_str(&rig.answers), "m5"));
}
END_TEST

/* UPD-133 */
START_TEST(staged_update_never_expires)
{
    stage("m1", "one");
    manual_clock_advance_ms(&rig.clock, UINT64_C(31) * 24 * 60 * MINUTE_MS);
    perform_update("m2");
    answers_are(ACK("m1") ACK("m2"));
    ck_assert_uint_eq(rig.performed, 1);
}
END_TEST

/* An end at any moment leaks nothing and calls nobody; what is half written is removed. */
START_TEST(freed_at_any_moment)
{
    for (uint64_t us = 0; us < 5000; us += 250) {
        expect_get("one");
        stage_at("m1", URL, digest_of("one"));
        rig.clock.mono_ns += us * 1000;
        manual_clock_settle(&rig.clock);
        make_updater(true, (struct eca_update_limits){0});
        manual_clock_advance_ms(&rig.clock, 100);
        eca_buf_reset(&rig.answers);
        script_http_forget(rig.http);
        ck_assert_uint_eq(script_http_open_calls(rig.http), 0);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("updater");
    TCase *tcase = tcase_create("updater");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_set_timeout(tcase, 60);
    tcase_add_test(tcase, good_update_is_stored_named_and_acknowledged);
    tcase_add_test(tcase, request_is_the_one_of_the_service);
    tcase_add_test(tcase, stage_without_message_id_is_not_answered);
    tcase_add_test(tcase, disabled_updates_are_refused);
    tcase_add_test(tcase, invalid_messages_are_refused_with_their_detail);
    tcase_add_test(tcase, same_signature_is_acknowledged_without_a_download);
    tcase_add_test(tcase, signature_with_other_blanks_is_another_update);
    tcase_add_test(tcase, another_update_takes_the_place_of_the_first);
    tcase_add_test(tcase, invalid_message_leaves_a_staged_update_alone);
    tcase_add_test(tcase, failed_download_forgets_the_stage_but_keeps_the_files);
    tcase_add_test(tcase, wrong_checksum_is_refused_and_leaves_nothing);
    tcase_add_test(tcase, only_status_200_is_an_update);
    tcase_add_test(tcase, network_errors_are_refused_and_leave_nothing);
    tcase_add_test(tcase, silence_ends_after_fifteen_minutes);
    tcase_add_test(tcase, redirects_are_followed_and_checked);
    tcase_add_test(tcase, redirects_out_of_the_bucket_are_refused);
    tcase_add_test(tcase, eleventh_redirect_is_one_too_many);
    tcase_add_test(tcase, larger_than_the_limit_is_refused);
    tcase_add_test(tcase, full_disk_is_refused_and_keeps_no_file);
    tcase_add_test(tcase, failure_to_name_the_image_is_a_failed_download);
    tcase_add_test(tcase, hanging_disk_ends_the_download);
    tcase_add_test(tcase, every_file_is_journaled_before_it_exists);
    tcase_add_test(tcase, failing_store_does_not_prevent_an_update);
    tcase_add_test(tcase, files_of_earlier_lives_are_removed_by_the_next_update);
    tcase_add_test(tcase, number_of_files_is_bounded);
    tcase_add_test(tcase, messages_are_handled_in_order_while_a_download_runs);
    tcase_add_test(tcase, queue_is_bounded_and_long_members_are_dropped);
    tcase_add_test(tcase, staged_update_survives_a_reconnect);
    tcase_add_test(tcase, perform_without_stage_is_refused);
    tcase_add_test(tcase, perform_needs_nothing_but_its_message_id);
    tcase_add_test(tcase, process_ends_only_behind_an_acknowledgement);
    tcase_add_test(tcase, staged_update_never_expires);
    tcase_add_test(tcase, freed_at_any_moment);
    suite_add_tcase(suite, tcase);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

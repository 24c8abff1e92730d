#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "agent/aws/sigv4.h"
#include "agent/base/json.h"
#include "agent/base/mem.h"
#include "agent/base/timefmt.h"

#define API_SECRET "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"
#define API_BODY                                                                                   \
    "{\"cluster\":\"default\",\"containerInstance\":"                                              \
    "\"arn:aws:ecs:us-west-2:111122223333:container-instance/ci-1\"}"
#define API_TARGET "AmazonEC2ContainerServiceV20141113.DiscoverPollEndpoint"
#define WS_QUERY                                                                                   \
    "agentHash=%2AUNKNOWN&agentVersion=1.13.1&clusterArn=blue&containerInstanceArn=arn%3Aaws%"     \
    "3Aecs%3Aus-west-2%3A111122223333%3Acontainer-instance%2Fci-1&dockerVersion=DockerVersion%3A+" \
    "1.11.2&sendCredentials=true&seqNum=1"

static int64_t wall(const char *date)
{
    int64_t ms = 0;
    ck_assert_int_eq(eca_time_sigv4_parse(eca_view_str(date), &ms, NULL), ECA_OK);
    return ms;
}

static struct eca_sigv4_input api_input(const char *token)
{
    return (struct eca_sigv4_input){
        .method = "POST",
        .path = eca_view_str("/"),
        .host = eca_view_str("ecs.us-west-2.amazonaws.com"),
        .target = API_TARGET,
        .body = eca_view_str(API_BODY),
        .region = "us-west-2",
        .service = "ecs",
        .wall_ms = wall("20161115T083000Z"),
        .keys = {eca_view_str("AKIDEXAMPLE"), eca_view_str(API_SECRET), eca_view_str(token)},
    };
}

/* API-301, API-302, API-303 */
START_TEST(api_request_has_the_signature_of_the_table)
{
    static const struct {
        const char *token, *list, *canonical, *signature;
    } cases[] = {
        {"", "host;x-amz-date;x-amz-target",
         "c22e08f5a421d3a460874d209961bdb3aa65c1e587e1a45d80fc0279bfb95ea1",
         "35b1ae853d742f3836426722546425ad146bdcc08da2c1030a01f5dddf948c51"},
        {"SESSIONTOKENEXAMPLE", "host;x-amz-date;x-amz-security-token;x-amz-target",
         "6ec6cf90d96d5a61a4fbaaa27231f29f717cd884f0ea1eaaa07013325aa45fbc",
         "1dc0a2140e217133e1969025dcdac84d7173d022ad658f3fdfbaa79b1633c22b"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        eca_auto_sigv4 struct eca_sigv4_output out = {0};
        eca_auto_buf struct eca_buf want = {0};
        struct eca_sigv4_input in = api_input(cases[i].token);
        struct eca_http_header headers[ECA_SIGV4_HEADERS_MAX];

        eca_sigv4_sign(&in, &out);
        ck_assert_str_eq(out.body_sha256,
                         "b55ee74a816c1ab8296ba8cdfb463cd1c2bb1bd5e525c1e65d99d02e12b73396");
        ck_assert_str_eq(out.canonical_sha256, cases[i].canonical);
        ck_assert_str_eq(out.signature, cases[i].signature);
        eca_buf_addf(&want,
                     "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20161115/us-west-2/ecs/"
                     "aws4_request, SignedHeaders=%s, Signature=%s",
                     cases[i].list, cases[i].signature);
        ck_assert_str_eq(eca_buf_str(&out.authorization), eca_buf_str(&want));
        ck_assert_uint_eq(eca_sigv4_headers(&out, headers), cases[i].token[0] == '\0' ? 3 : 4);
        ck_assert_str_eq(headers[2].name, "X-Amz-Date");
        ck_assert_str_eq(headers[2].value, "20161115T083000Z");
    }
}
END_TEST

/* WS-111, WS-112, WS-113 */
START_TEST(upgrade_has_the_signature_of_the_vector)
{
    static const struct {
        const char *token, *canonical, *signature;
    } cases[] = {
        {"", "2bb8eb608b9eb6b980662624e3a457f2a0458d454fde26086a5bbd5221252687",
         "99e797be1862b3683323b775ec877ce3e5b270158cbda37dd2b9cc3c218467d5"},
        {"SESSIONTOKEN", "336137f1e8988b5793cd3e02fabdc1a1d16181f6ba208e08290bedb56111c11e",
         "76c2b0060e739672fe6ad90e2f6fc24b69b1374020cf72b0ac50435638a82a81"},
    };

    for (size_t i = 0; i < ECA_ARRAY_LEN(cases); i++) {
        eca_auto_sigv4 struct eca_sigv4_output out = {0};
        struct eca_sigv4_keys keys = {eca_view_str("AKIDEXAMPLE"),
                                      eca_view_str("secret/KEY+example"),
                                      eca_view_str(cases[i].token)};
        struct eca_err err = {0};

        ck_assert_int_eq(eca_sigv4_upgrade("https://acs.example.test/ws?" WS_QUERY, "us-west-2",
                                           wall("20160901T120000Z"), &keys, &out, &err),
                         ECA_OK);
        ck_assert_str_eq(out.canonical_sha256, cases[i].canonical);
        ck_assert_str_eq(out.signature, cases[i].signature);
        ck_assert_str_eq(out.body_sha256,
                         "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    }
}
END_TEST

/* WS-111 */
START_TEST(query_is_form_encoded)
{
    eca_auto_buf struct eca_buf query = {0};

    eca_sigv4_query_add(&query, "agentHash", "*UNKNOWN");
    eca_sigv4_query_add(&query, "dockerVersion", "DockerVersion: 1.11.2");
    eca_sigv4_query_add(&query, "x", "a/b~c_d-e.f%20");
    ck_assert_str_eq(eca_buf_str(&query),
                     "agentHash=%2AUNKNOWN&dockerVersion=DockerVersion%3A+1.11.2&x=a%2Fb~c_d-e.f%"
                     "2520");
}
END_TEST

START_TEST(a_relative_url_is_refused)
{
    eca_auto_sigv4 struct eca_sigv4_output out = {0};
    struct eca_sigv4_keys keys = {eca_view_str("A"), eca_view_str("S"), ECA_VIEW_NONE};
    struct eca_err err = {0};

    ck_assert_int_lt(eca_sigv4_upgrade("/ws", "r", 0, &keys, &out, &err), 0);
    ck_assert_uint_eq(out.authorization.len, 0);
}
END_TEST

static char *read_golden(const char *path)
{
    FILE *file = fopen(path, "rb");
    struct eca_buf text = {0};
    char piece[4096];
    size_t got;

    ck_assert_msg(file != NULL, "no %s: run from the repository's root", path);
    while ((got = fread(piece, 1, sizeof(piece), file)) > 0) {
        eca_buf_add(&text, piece, got);
    }
    (void)fclose(file);
    return eca_buf_take(&text);
}

static const char *text_of(eca_json object, const char *key)
{
    eca_json member = eca_json_get(object, key);
    return member == NULL ? "" : eca_json_str(member);
}

static struct eca_sigv4_keys golden_keys;
static bool golden_lookup(void *arg, struct eca_view id, struct eca_sigv4_keys *ret_keys)
{
    (void)arg;
    *ret_keys = golden_keys;
    return eca_view_eq(id, golden_keys.id);
}

static void load_keys(eca_json vector)
{
    eca_json creds = eca_json_get(vector, "credentials");
    golden_keys = (struct eca_sigv4_keys){eca_view_str(text_of(creds, "accessKeyId")),
                                          eca_view_str(text_of(creds, "secretAccessKey")),
                                          eca_view_str(text_of(creds, "sessionToken"))};
}

static void add_golden_query(eca_json query, struct eca_buf *out)
{
    for (eca_json item = eca_json_first(query); item != NULL; item = eca_json_next(item)) {
        eca_sigv4_query_add(out, eca_json_key(item), eca_json_str(item));
    }
}

static void verify_golden(eca_json vector, const struct eca_http_header *headers, size_t count,
                          struct eca_view body, const char *method, const char *path,
                          struct eca_view query)
{
    struct eca_sigv4_refusal refusal = {0};
    struct eca_err err = {0};
    struct eca_sigv4_check check = {
        .method = method,
        .path = eca_view_str(path),
        .query = query,
        .headers = headers,
        .header_count = count,
        .body = body,
        .region = text_of(vector, "region"),
        .service = text_of(vector, "service"),
        .lookup = golden_lookup,
    };

    load_keys(vector);
    ck_assert_msg(eca_sigv4_verify(&check, &refusal, &err) == ECA_OK, "%s: %s",
                  text_of(vector, "kind"), err.msg);
    eca_sigv4_refusal_clear(&refusal);
}

/* API-301, WS-112, TCS-402: requests of the reference, as they crossed the wire */
START_TEST(golden_vectors_verify)
{
    char *all = read_golden("tests/golden/sigv4-vectors.jsonl");
    eca_auto_buf struct eca_buf telemetry_query = {0};
    size_t seen = 0;

    for (char *line = all, *end; *line != '\0'; line = end + 1) {
        eca_auto_json struct eca_json_doc *doc = NULL;
        eca_auto_buf struct eca_buf query = {0}, storage = {0};
        struct eca_http_header headers[ECA_HTTP_HEADERS_MAX];
        size_t count = 0;
        eca_json vector;

        end = strchr(line, '\n');
        ck_assert_ptr_nonnull(end);
        ck_assert_int_eq(eca_json_parse(eca_view_of(line, (size_t)(end - line)), &doc, NULL), 0);
        vector = eca_json_root(doc);
        if (strcmp(text_of(vector, "kind"), "tcs-message") == 0) {
            struct eca_view json;
            eca_auto_buf struct eca_buf message = {0};
            eca_buf_addf(&message, "%s\r\n\r\n%s", text_of(vector, "signedHeaderBlock"),
                         text_of(vector, "body"));
            ck_assert_int_eq(eca_sigv4_message_split(eca_buf_view(&message), &storage, headers,
                                                     &count, &json, NULL),
                             ECA_OK);
            ck_assert_uint_eq(count, 5);
            verify_golden(vector, headers, count, json, "GET", "/ws",
                          eca_buf_view(&telemetry_query));
        } else {
            eca_json object = eca_json_get(vector, "headers");
            for (eca_json h = eca_json_first(object); h != NULL; h = eca_json_next(h)) {
                headers[count++] = (struct eca_http_header){eca_json_key(h), eca_json_str(h)};
            }
            add_golden_query(eca_json_get(vector, "query"), &query);
            if (strcmp(text_of(vector, "kind"), "tcs-upgrade") == 0) {
                eca_buf_add_view(&telemetry_query, eca_buf_view(&query));
            }
            verify_golden(vector, headers, count, eca_view_str(text_of(vector, "body")),
                          text_of(vector, "method"), text_of(vector, "path"), eca_buf_view(&query));
        }
        seen++;
    }
    ck_assert_uint_eq(seen, 5);
    eca_free(all);
}
END_TEST

/* TCS-401, TCS-402 */
START_TEST(a_message_is_a_header_block_and_the_json)
{
    static const char url[] = "https://tcs.example:444/ws?cluster=default&containerInstance=a%3Ab";
    static const char json[] = "{\"type\":\"HealthCheck\"}";
    eca_auto_buf struct eca_buf message = {0}, storage = {0};
    struct eca_http_header headers[ECA_SIGV4_BLOCK_HEADERS_MAX];
    struct eca_sigv4_refusal refusal = {0};
    struct eca_view rest = ECA_VIEW_NONE;
    struct eca_err err = {0};
    size_t count = 0;

    golden_keys =
        (struct eca_sigv4_keys){eca_view_str("AK"), eca_view_str("SK"), eca_view_str("TOK")};
    ck_assert_int_eq(eca_sigv4_message(url, eca_view_str(json), "us-west-2",
                                       wall("20160901T120000Z"), &golden_keys, &message, &err),
                     ECA_OK);
    ck_assert_int_eq(
        eca_sigv4_message_split(eca_buf_view(&message), &storage, headers, &count, &rest, &err),
        ECA_OK);
    ck_assert(eca_view_eq_str(rest, json));
    ck_assert_uint_eq(count, 5);
    ck_assert_str_eq(headers[0].name, "Authorization");
    ck_assert_str_eq(headers[1].name, "Host");
    ck_assert_str_eq(headers[1].value, "tcs.example:444");
    ck_assert_str_eq(headers[2].name, "X-Amz-Content-Sha256");
    ck_assert_str_eq(headers[3].name, "X-Amz-Date");
    ck_assert_str_eq(headers[4].value, "TOK");

    struct eca_sigv4_check check = {
        .method = "GET",
        .path = eca_view_str("/ws"),
        .query = eca_view_str("cluster=default&containerInstance=a%3Ab"),
        .headers = headers,
        .header_count = count,
        .body = rest,
        .region = "us-west-2",
        .service = "ecs",
        .now_ms = wall("20160901T120100Z"),
        .date_tolerance_ms = 300000,
        .lookup = golden_lookup,
    };
    ck_assert_msg(eca_sigv4_verify(&check, &refusal, &err) == ECA_OK, "%s", err.msg);
    check.body = eca_view_str("{}");
    ck_assert_int_eq(eca_sigv4_verify(&check, &refusal, &err), ECA_E_DENIED);
    ck_assert_ptr_nonnull(strstr(err.msg, "X-Amz-Content-Sha256 is not the hash"));
    eca_sigv4_refusal_clear(&refusal);
}
END_TEST

START_TEST(a_damaged_header_block_is_refused)
{
    static const char *const bad[] = {"", "{}", "A: b\r\n{}", "A: b\r\nC\r\n\r\n{}",
                                      "nocolon\r\n\r\n"};

    for (size_t i = 0; i < ECA_ARRAY_LEN(bad); i++) {
        eca_auto_buf struct eca_buf storage = {0};
        struct eca_http_header headers[ECA_SIGV4_BLOCK_HEADERS_MAX];
        struct eca_view json;
        struct eca_err err = {0};
        size_t count;
        ck_assert_msg(eca_sigv4_message_split(eca_view_str(bad[i]), &storage, headers, &count,
                                              &json, &err) == ECA_E_INVALID,
                      "case %zu", i);
    }
}
END_TEST

/* A signed request to spoil, one member at a time. */
struct request {
    struct eca_sigv4_output out;
    struct eca_http_header headers[8];
    size_t count;
    struct eca_sigv4_check check;
};

static void request_init(struct request *request, const char *token)
{
    struct eca_sigv4_input in = api_input(token);

    memset(request, 0, sizeof(*request));
    eca_sigv4_sign(&in, &request->out);
    request->count = eca_sigv4_headers(&request->out, request->headers);
    request->headers[request->count++] =
        (struct eca_http_header){"Host", "ecs.us-west-2.amazonaws.com"};
    request->headers[request->count++] = (struct eca_http_header){"X-Amz-Target", API_TARGET};
    golden_keys = in.keys;
    request->check = (struct eca_sigv4_check){
        .method = "POST",
        .path = eca_view_str("/"),
        .headers = request->headers,
        .header_count = request->count,
        .body = eca_view_str(API_BODY),
        .region = "us-west-2",
        .service = "ecs",
        .now_ms = in.wall_ms + 60000,
        .date_tolerance_ms = 300000,
        .lookup = golden_lookup,
    };
}

static void set_header(struct request *request, const char *name, const char *value)
{
    for (size_t i = 0; i < request->count; i++) {
        if (strcmp(request->headers[i].name, name) == 0) {
            request->headers[i].value = value;
            return;
        }
    }
    ck_abort_msg("no header %s", name);
}

static void expect_refusal(struct request *request, const char *type, const char *text)
{
    struct eca_sigv4_refusal refusal = {0};
    struct eca_err err = {0};

    ck_assert_int_eq(eca_sigv4_verify(&request->check, &refusal, &err), ECA_E_DENIED);
    ck_assert_str_eq(refusal.type, type);
    ck_assert_msg(strstr(err.msg, text) != NULL, "\"%s\" lacks \"%s\"", err.msg, text);
    eca_sigv4_refusal_clear(&refusal);
    eca_sigv4_output_clear(&request->out);
}

/* API-F01: each way to be wrong has its own sentence */
START_TEST(verifier_names_what_is_wrong)
{
    struct request request;

    request_init(&request, "T");
    set_header(&request, "Authorization", "Basic x");
    expect_refusal(&request, "IncompleteSignatureException", "does not begin with");

    request_init(&request, "T");
    request.check.headers = request.headers + 1;
    request.check.header_count--;
    expect_refusal(&request, "MissingAuthenticationTokenException", "no Authorization");

    request_init(&request, "T");
    set_header(&request, "Authorization", "AWS4-HMAC-SHA256 Credential=A/B, SignedHeaders=a");
    expect_refusal(&request, "IncompleteSignatureException", "Credential is not");

    request_init(&request, "T");
    request.check.region = "eu-west-1";
    expect_refusal(&request, "InvalidSignatureException", "for region us-west-2, not eu-west-1");

    request_init(&request, "T");
    request.check.service = "ecr";
    expect_refusal(&request, "InvalidSignatureException", "for service ecs, not ecr");

    request_init(&request, "T");
    request.check.now_ms += 360000;
    expect_refusal(&request, "InvalidSignatureException", "420 s away");

    request_init(&request, "T");
    golden_keys.id = eca_view_str("OTHER");
    expect_refusal(&request, "UnrecognizedClientException", "unknown access key id AKIDEXAMPLE");

    request_init(&request, "T");
    set_header(&request, "X-Amz-Security-Token", "U");
    expect_refusal(&request, "UnrecognizedClientException", "does not belong");

    request_init(&request, "");
    golden_keys.token = eca_view_str("T");
    expect_refusal(&request, "UnrecognizedClientException", "credentials are temporary");

    request_init(&request, "T");
    request.check.body = eca_view_str("{}");
    expect_refusal(&request, "InvalidSignatureException", "not the hash of the body (2 bytes");

    request_init(&request, "T");
    golden_keys.secret = eca_view_str("wrong");
    expect_refusal(&request, "InvalidSignatureException", "other secret");

    request_init(&request, "T");
    request.check.method = "GET";
    expect_refusal(&request, "InvalidSignatureException", "signed as a POST");

    request_init(&request, "T");
    request.check.path = eca_view_str("/other");
    expect_refusal(&request, "InvalidSignatureException", "signed with the path /");

    request_init(&request, "T");
    request.check.query = eca_view_str("a=b");
    expect_refusal(&request, "InvalidSignatureException", "signed without the query");

    request_init(&request, "T");
    set_header(&request, "Host", "ecs.us-west-2.amazonaws.com:443");
    expect_refusal(&request, "InvalidSignatureException", "host without its port");

    request_init(&request, "T");
    request.headers[request.count - 1].name = "X-Amz-Targets";
    expect_refusal(&request, "InvalidSignatureException", "signed header x-amz-target is not in");
}
END_TEST

/* API-301: an added x-amz header that is not in the list */
START_TEST(verifier_demands_that_the_token_is_signed)
{
    struct request request;

    request_init(&request, "");
    request.headers[request.count++] = (struct eca_http_header){"X-Amz-Security-Token", "T"};
    request.check.header_count = request.count;
    expect_refusal(&request, "InvalidSignatureException",
                   "header x-amz-security-token is not signed");
}
END_TEST

START_TEST(digests_have_their_known_values)
{
    unsigned char digest[ECA_SHA256_BYTES];
    char hex[ECA_SHA256_HEX_BYTES];
    struct eca_digest *pieces;

    eca_sha1(eca_view_str("abc"), digest);
    ck_assert_uint_eq(digest[0], 0xa9);
    ck_assert_uint_eq(digest[19], 0x9d);
    eca_md5(eca_view_str("abc"), digest);
    ck_assert_uint_eq(digest[0], 0x90);
    ck_assert_uint_eq(digest[15], 0x72);
    eca_hmac_sha256(eca_view_str("key"),
                    eca_view_str("The quick brown fox jumps over the lazy dog"), digest);
    ck_assert_uint_eq(digest[0], 0xf7);
    ck_assert_uint_eq(digest[31], 0xd8);
    pieces = eca_digest_new(ECA_DIGEST_SHA256);
    eca_digest_add(pieces, eca_view_str("ab"));
    eca_digest_add(pieces, ECA_VIEW_NONE);
    eca_digest_add(pieces, eca_view_str("c"));
    eca_digest_hex(pieces, hex);
    eca_digest_free(pieces);
    ck_assert_str_eq(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sigv4");
    TCase *tcase = tcase_create("all");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tcase, api_request_has_the_signature_of_the_table);
    tcase_add_test(tcase, upgrade_has_the_signature_of_the_vector);
    tcase_add_test(tcase, query_is_form_encoded);
    tcase_add_test(tcase, a_relative_url_is_refused);
    tcase_add_test(tcase, golden_vectors_verify);
    tcase_add_test(tcase, a_message_is_a_header_block_and_the_json);
    tcase_add_test(tcase, a_damaged_header_block_is_refused);
    tcase_add_test(tcase, verifier_names_what_is_wrong);
    tcase_add_test(tcase, verifier_demands_that_the_token_is_signed);
    tcase_add_test(tcase, digests_have_their_known_values);
    suite_add_tcase(suite, tcase);
    srunner_run_all(runner, CK_ENV);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

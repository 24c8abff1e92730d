#include "harness/scenario/check.h"

#include "agent/base/mem.h"
#include "agent/base/str.h"

#include <string.h>

#define WORDS_MAX 40
#define STATUS_MIN 200 /* what is below is no answer, or is an upgrade */
#define STATUS_MAX 599

static const char *const ecs_words[] = {"CreateCluster",
                                        "DiscoverPollEndpoint",
                                        "RegisterContainerInstance",
                                        "SubmitContainerStateChange",
                                        "SubmitTaskStateChange",
                                        NULL};
static const char *const docker_words[] = {
    "other",        "ping",       "version", "events", "info",  "pull", "import", "image-inspect",
    "image-remove", "image-list", "create",  "start",  "stop",  "kill", "pause",  "unpause",
    "remove",       "inspect",    "list",    "stats",  "event", NULL};
static const char *const acs_words[] = {"connect",
                                        "AckRequest",
                                        "NackRequest",
                                        "PayloadMessage",
                                        "HeartbeatMessage",
                                        "IAMRoleCredentialsMessage",
                                        "IAMRoleCredentialsAckRequest",
                                        "PerformUpdateMessage",
                                        "StageUpdateMessage",
                                        NULL};
static const char *const tcs_words[] = {
    "connect",          "PublishMetricsRequest",       "AckPublishMetric",
    "HeartbeatMessage", "StopTelemetrySessionMessage", NULL};

/* Operations and message types; `closed`: the party has no others. */
static const struct {
    const char *party;
    const char *const *words;
    bool closed;
} parties[] = {
    {"ecs", ecs_words, true},
    {"docker", docker_words, true},
    {"acs", acs_words, false},
    {"tcs", tcs_words, false},
};

/* The text of a member that stands there for good: not one with variables. */
static const struct hns_node *plain(const struct hns_node *fault, const char *name)
{
    const struct hns_node *node = hns_node_get(fault, name);

    return node == NULL || node->kind != HNS_SCALAR || strstr(node->text, "${") != NULL ? NULL
                                                                                        : node;
}

static bool is_text(const struct hns_node *node, const char *text)
{
    return node != NULL && strcmp(node->text, text) == 0;
}

static void check_range(struct hns_problems *problems, const struct hns_node *fault,
                        const char *name, uint64_t min, uint64_t max, const char *wanted)
{
    const struct hns_node *node = plain(fault, name);
    uint64_t value;

    if (node != NULL &&
        eca_parse_u64(eca_view_str(node->text), UINT64_MAX, &value, NULL) == ECA_OK &&
        (value < min || value > max)) {
        hns_problem(problems, node, "%s %.20s: want %s", name, node->text, wanted);
    }
}

static void check_what(struct hns_problems *problems, const struct hns_node *fault)
{
    const struct hns_node *what = plain(fault, "what"), *party = plain(fault, "party");
    const char *words[4 * WORDS_MAX], *near;
    eca_auto_free char *head = NULL;
    size_t count = 0;
    bool closed = false;

    if (what == NULL || strpbrk(what->text, "*?/") == what->text) {
        return;
    }
    head = eca_xstrndup(what->text, strcspn(what->text, ":"));
    if (strpbrk(head, "*?/") != NULL) {
        return;
    }
    for (size_t i = 0; i < ECA_ARRAY_LEN(parties); i++) {
        if (party != NULL && strcmp(party->text, parties[i].party) != 0) {
            continue;
        }
        closed = party != NULL && parties[i].closed;
        for (const char *const *word = parties[i].words; *word != NULL; word++) {
            if (strcmp(*word, head) == 0) {
                return;
            }
            words[count++] = *word;
        }
    }
    near = hns_nearest(head, words, count);
    if (near != NULL) {
        hns_problem(problems, what, "unknown operation \"%.80s\", did you mean \"%s\"?", head,
                    near);
    } else if (closed) {
        hns_problem(problems, what, "unknown operation \"%.80s\": %s has no such", head,
                    party->text);
    }
}

/* Messages come from acs and tcs, events from Docker; everything else is an exchange. */
static bool has_messages(const struct hns_node *party, const struct hns_node *what)
{
    if (party == NULL) {
        return true;
    }
    if (strcmp(party->text, "docker") == 0) {
        return what == NULL || strncmp(what->text, "event:", 6) == 0 ||
               strncmp(what->text, "*", 1) == 0 || strcmp(what->text, "event") == 0;
    }
    return (strcmp(party->text, "acs") == 0 || strcmp(party->text, "tcs") == 0) &&
           !is_text(what, "connect");
}

void hns_check_fault(struct hns_problems *problems, const struct hns_node *fault)
{
    const struct hns_node *kind = fault->kind == HNS_SCALAR ? fault : plain(fault, "kind");
    const struct hns_node *party = plain(fault, "party"), *what = plain(fault, "what");

    check_range(problems, fault, "chance", 1, 1000, "1 to 1000, of a thousand");
    check_range(problems, fault, "status", STATUS_MIN, STATUS_MAX,
                "an HTTP status from 200 to 599");
    check_what(problems, fault);
    if ((is_text(kind, "delay") || is_text(kind, "delay-answer")) &&
        hns_node_get(fault, "delay") == NULL) {
        hns_problem(problems, fault, "a fault of kind %s needs \"delay\"", kind->text);
    }
    if (is_text(kind, "drop") && !has_messages(party, what) &&
        hns_node_get(fault, "party") == party && hns_node_get(fault, "what") == what) {
        hns_problem(problems, kind,
                    "\"drop\" loses messages of acs and tcs and events of Docker; for an exchange "
                    "use \"hang\"");
    }
    if (is_text(kind, "duplicate") && is_text(what, "connect")) {
        hns_problem(problems, kind,
                    "\"duplicate\" doubles requests and messages, no upgrade of acs or tcs");
    }
}

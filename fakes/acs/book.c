#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"
#include "fakes/acs/inside.h"

/* Which answer a message wants, by its type. */
enum wants { WANTS_ACK, WANTS_CREDENTIALS_ACK, WANTS_UPDATE_REPLY, WANTS_HEARTBEAT_ACK };

static const struct {
    const char *type;
    enum wants wants;
} kinds[] = {
    {"PayloadMessage", WANTS_ACK},
    {"IAMRoleCredentialsMessage", WANTS_CREDENTIALS_ACK},
    {"StageUpdateMessage", WANTS_UPDATE_REPLY},
    {"PerformUpdateMessage", WANTS_UPDATE_REPLY},
    {"HeartbeatMessage", WANTS_HEARTBEAT_ACK}, /* only with a messageId (L-6) */
};

/* A message that wants an answer. */
struct acs_letter {
    struct eca_list_node node;
    struct fake_acs *acs;
    char *id, *type, *text;
    enum wants wants;
    bool acked, once, sent;
    uint64_t session;         /* where it went out last */
    uint32_t copies;          /* how often, faults that double messages counted in */
    uint32_t answers;         /* AckRequest or IAMRoleCredentialsAckRequest for itself */
    struct eca_json_doc *doc; /* of text, when it was needed */
    struct eca_timer resend;
};

static const char *text_of(eca_json object, const char *key)
{
    eca_json value = eca_json_get(object, key);

    return eca_json_type(value) == ECA_JSON_STRING ? eca_json_str(value) : NULL;
}

static bool same(const char *a, const char *b)
{
    return a == NULL || b == NULL ? a == b : strcmp(a, b) == 0;
}

/* The inside of the message as it was sent. */
static eca_json sent_message(struct acs_letter *letter)
{
    if (letter->doc == NULL) {
        (void)eca_json_parse(eca_view_str(letter->text), &letter->doc, NULL);
    }
    return letter->doc == NULL ? NULL : eca_json_get(eca_json_root(letter->doc), "message");
}

/* ---- what goes out ----------------------------------------------------------------------------
 */

static void went_out(struct acs_letter *letter, uint32_t copies)
{
    letter->sent = true;
    letter->session = letter->acs->sessions;
    letter->copies += copies;
}

static void run_resend(void *arg)
{
    struct acs_letter *letter = arg;
    struct fake_acs *acs = letter->acs;

    if (acs->session != NULL && !letter->acked) {
        went_out(letter, acs_transmit(acs, letter->type, letter->id, letter->text));
        eca_timer_start_ms(&letter->resend, acs->opts.resend_ms);
    }
}

static void settle(struct acs_letter *letter)
{
    letter->acs->unacknowledged -= !letter->acked;
    letter->acked = true;
    eca_timer_stop(&letter->resend);
}

static void post(struct acs_letter *letter)
{
    struct fake_acs *acs = letter->acs;

    if (acs->session == NULL) {
        return;
    }
    went_out(letter, acs_transmit(acs, letter->type, letter->id, letter->text));
    if (acs->opts.resend_ms > 0 && !letter->once) {
        eca_timer_start_ms(&letter->resend, acs->opts.resend_ms);
    }
}

static bool wants_of(const char *type, enum wants *ret_wants)
{
    for (size_t i = 0; i < ECA_ARRAY_LEN(kinds); i++) {
        if (strcmp(kinds[i].type, type) == 0) {
            *ret_wants = kinds[i].wants;
            return true;
        }
    }
    return false;
}

/* Takes text. */
static struct acs_letter *enter(struct fake_acs *acs, const char *type, const char *id, char *text,
                                bool once)
{
    struct acs_letter *letter = eca_xalloc(sizeof(*letter));

    letter->acs = acs;
    letter->id = eca_xstrdup(id);
    letter->type = eca_xstrdup(type);
    letter->text = text;
    letter->once = once;
    (void)wants_of(type, &letter->wants);
    eca_timer_init(&letter->resend, acs->opts.base.sched, run_resend, letter);
    eca_list_push_back(&acs->letters, &letter->node);
    acs->unacknowledged++;
    (void)eca_map_put(acs->by_id, id, letter);
    return letter;
}

const char *acs_book_post(struct fake_acs *acs, const char *type, const char *id, char *text,
                          bool once)
{
    struct acs_letter *letter = enter(acs, type, id, text, once);

    post(letter);
    return letter->id;
}

void acs_book_note(struct fake_acs *acs, const char *text, uint32_t copies)
{
    eca_auto_json struct eca_json_doc *doc = NULL;
    const char *type, *id;
    enum wants wants;

    if (copies == 0 || eca_json_parse(eca_view_str(text), &doc, NULL) < 0) {
        return;
    }
    type = text_of(eca_json_root(doc), "type");
    id = text_of(eca_json_get(eca_json_root(doc), "message"), "messageId");
    if (type != NULL && id != NULL && id[0] != '\0' && wants_of(type, &wants)) {
        went_out(enter(acs, type, id, eca_xstrdup(text), true), copies);
    }
}

void acs_book_session_begins(struct fake_acs *acs)
{
    ECA_LIST_FOREACH(it, &acs->letters)
    {
        struct acs_letter *letter = eca_list_entry(it, struct acs_letter, node);

        if (!letter->acked && (!letter->sent || (!letter->once && !acs->opts.no_resend))) {
            post(letter);
        }
    }
}

void acs_book_session_ends(struct fake_acs *acs)
{
    ECA_LIST_FOREACH(it, &acs->letters)
    {
        eca_timer_stop(&eca_list_entry(it, struct acs_letter, node)->resend);
    }
}

/* ---- what comes back --------------------------------------------------------------------------
 */

/* ACS-302: a reply names cluster and instance as its message did; of an update that another one
 * replaces, as that other one did (UPD-114). */
static const char *update_flaw(struct fake_acs *acs, eca_json answer)
{
    ECA_LIST_FOREACH(it, &acs->letters)
    {
        struct acs_letter *letter = eca_list_entry(it, struct acs_letter, node);
        eca_json sent = letter->wants == WANTS_UPDATE_REPLY ? sent_message(letter) : NULL;

        if (sent != NULL && same(text_of(sent, "clusterArn"), text_of(answer, "cluster")) &&
            same(text_of(sent, "containerInstanceArn"), text_of(answer, "containerInstance"))) {
            return NULL;
        }
    }
    return "cluster or containerInstance are not those of the update's message";
}

static bool fits_role(eca_json role, eca_json answer)
{
    return same(text_of(role, "credentialsId"), text_of(answer, "credentialsId")) &&
           same(text_of(role, "expiration"), text_of(answer, "expiration"));
}

/* ACS-303: the answer names credentials that the message carried, their expiration verbatim. */
static bool carries_role(struct acs_letter *letter, eca_json answer)
{
    eca_json sent = sent_message(letter);

    if (letter->wants == WANTS_CREDENTIALS_ACK) {
        return fits_role(eca_json_get(sent, "roleCredentials"), answer);
    }
    for (eca_json it = eca_json_first(eca_json_get(sent, "tasks")); it != NULL;
         it = eca_json_next(it)) {
        if (fits_role(eca_json_get(it, "roleCredentials"), answer)) {
            return true;
        }
    }
    return false;
}

static void count_ack(struct fake_acs *acs, const char *id)
{
    size_t count = fake_acs_acks(acs, id) + 1;

    (void)eca_map_put(acs->acks, id, (void *)(uintptr_t)count);
}

/* An answer to a message of this session, and not more of them than there were messages. */
static void check_count(struct acs_session *session, struct acs_letter *letter, const char *rule)
{
    letter->answers += !fake_ws_is_copy(session->ws);
    if (session->number > letter->session) {
        acs_violation(session->acs, "ACS-240", "an ack of a message that an earlier session had");
    } else if (letter->answers > letter->copies) {
        acs_violation(session->acs, rule, "a message is acknowledged more often than it was sent");
    }
}

static void on_ack(struct acs_session *session, struct acs_letter *letter, eca_json message,
                   bool nack)
{
    struct fake_acs *acs = session->acs;
    const char *reason = text_of(message, "reason"), *flaw = NULL;

    count_ack(acs, letter->id);
    (void)fake_trace_addv(acs->opts.base.trace, FAKE_LANE_ACS, nack ? "nack" : "ack", "messageId",
                          letter->id, nack ? "reason" : NULL, reason == NULL ? "" : reason, NULL);
    if (letter->wants == WANTS_UPDATE_REPLY) {
        flaw = update_flaw(acs, message);
        if (flaw != NULL) {
            acs_violation(acs, "ACS-302", flaw);
        }
    } else if (nack || letter->wants != WANTS_ACK) {
        acs_violation(acs, nack ? "ACS-302" : "ACS-301",
                      "an answer of a kind that this message does not get");
    } else if (!same(session->cluster, text_of(message, "cluster")) ||
               !same(session->instance, text_of(message, "containerInstance"))) {
        acs_violation(acs, "ACS-301",
                      "cluster or containerInstance are not those of the agent's upgrade");
    } else {
        check_count(session, letter, "ACS-301");
    }
    settle(letter);
}

static void on_credentials_ack(struct acs_session *session, struct acs_letter *letter,
                               eca_json message)
{
    struct fake_acs *acs = session->acs;
    const char *credentials = text_of(message, "credentialsId");

    if (credentials == NULL || !carries_role(letter, message)) {
        acs_violation(acs, "ACS-303", "a credentials ack that does not fit what was sent");
        return;
    }
    (void)fake_trace_addv(acs->opts.base.trace, FAKE_LANE_ACS, "credentials-ack", "messageId",
                          letter->id, "credentialsId", credentials, NULL);
    if (letter->wants == WANTS_CREDENTIALS_ACK) {
        count_ack(acs, letter->id);
        check_count(session, letter, "ACS-303");
        settle(letter);
    }
}

static void on_heartbeat_ack(struct acs_session *session, struct acs_letter *letter)
{
    if (letter->wants != WANTS_HEARTBEAT_ACK) {
        acs_violation(session->acs, "L-6", "a heartbeat ack of a message that is none");
        return;
    }
    count_ack(session->acs, letter->id);
    (void)fake_trace_addv(session->acs->opts.base.trace, FAKE_LANE_ACS, "heartbeat-ack",
                          "messageId", letter->id, NULL);
    check_count(session, letter, "L-6");
    settle(letter);
}

bool acs_book_answer(struct acs_session *session, const char *type, eca_json message)
{
    static const struct {
        const char *type, *rule;
    } answers[] = {{"AckRequest", "ACS-301"},
                   {"NackRequest", "ACS-302"},
                   {"IAMRoleCredentialsAckRequest", "ACS-303"},
                   {"HeartbeatAckRequest", "L-6"}};
    const char *id = text_of(message, "messageId");
    struct acs_letter *letter = id == NULL ? NULL : eca_map_get(session->acs->by_id, id);

    for (size_t i = 0; i < ECA_ARRAY_LEN(answers); i++) {
        if (strcmp(answers[i].type, type) != 0) {
            continue;
        }
        if (letter == NULL) {
            acs_violation(session->acs, answers[i].rule,
                          id == NULL ? "an ack without messageId"
                                     : "an ack of a message that was never sent");
        } else if (i < 2) {
            on_ack(session, letter, message, i == 1);
        } else if (i == 2) {
            on_credentials_ack(session, letter, message);
        } else {
            on_heartbeat_ack(session, letter);
        }
        return true;
    }
    return false;
}

/* ---- questions, end ---------------------------------------------------------------------------
 */

size_t fake_acs_acks(const struct fake_acs *acs, const char *message_id)
{
    return (size_t)(uintptr_t)eca_map_get(acs->acks, message_id);
}

const char *fake_acs_unacknowledged_payload(const struct fake_acs *acs)
{
    ECA_LIST_FOREACH(it, &acs->letters)
    {
        const struct acs_letter *letter = eca_list_entry(it, struct acs_letter, node);

        if (!letter->acked && !letter->once && letter->wants == WANTS_ACK) {
            return letter->id;
        }
    }
    return NULL;
}

size_t fake_acs_unacknowledged(const struct fake_acs *acs)
{
    return acs->unacknowledged;
}

void acs_book_clear(struct fake_acs *acs)
{
    ECA_LIST_FOREACH(it, &acs->letters)
    {
        struct acs_letter *letter = eca_list_entry(it, struct acs_letter, node);

        settle(letter);
        eca_list_remove(&acs->letters, &letter->node);
        eca_json_free(letter->doc);
        eca_free(letter->id);
        eca_free(letter->type);
        eca_free(letter->text);
        eca_free(letter);
    }
}

#include "fakes/carry/hub.h"

#include <assert.h>
#include <string.h>

#include "agent/base/mem.h"
#include "agent/base/str.h"

static const char *const fault_names[] = {
    [FAKE_FAULT_DELAY] = "delay",
    [FAKE_FAULT_DELAY_ANSWER] = "delay-answer",
    [FAKE_FAULT_HANG] = "hang",
    [FAKE_FAULT_HANG_ANSWER] = "hang-answer",
    [FAKE_FAULT_REFUSE] = "refuse",
    [FAKE_FAULT_RESET] = "reset",
    [FAKE_FAULT_RESET_ANSWER] = "reset-answer",
    [FAKE_FAULT_CUT_BODY] = "cut-body",
    [FAKE_FAULT_STATUS] = "status",
    [FAKE_FAULT_STATUS_AFTER] = "status-after",
    [FAKE_FAULT_GARBAGE] = "garbage",
    [FAKE_FAULT_DUPLICATE] = "duplicate",
    [FAKE_FAULT_DROP] = "drop",
};

const char *fake_fault_name(enum fake_fault_kind kind)
{
    assert((size_t)kind < ECA_ARRAY_LEN(fault_names));
    return fault_names[kind];
}

bool fake_fault_parse(struct eca_view name, enum fake_fault_kind *ret_kind)
{
    for (size_t i = 0; i < ECA_ARRAY_LEN(fault_names); i++) {
        if (eca_view_eq_str(name, fault_names[i])) {
            *ret_kind = (enum fake_fault_kind)i;
            return true;
        }
    }
    return false;
}

bool fake_glob(const char *pattern, const char *text)
{
    const char *star = NULL, *mark = NULL;

    while (*text != '\0') {
        if (*pattern == '*') {
            star = ++pattern;
            mark = text;
        } else if (*pattern == '?' || *pattern == *text) {
            pattern++;
            text++;
        } else if (star != NULL) {
            pattern = star;
            text = ++mark;
        } else {
            return false;
        }
    }
    while (*pattern == '*') {
        pattern++;
    }
    return *pattern == '\0';
}

struct fake_hub *fake_hub_new(struct eca_sched *sched, struct eca_entropy entropy,
                              struct fake_trace *trace)
{
    struct fake_hub *hub = eca_xalloc(sizeof(*hub));

    hub->sched = sched;
    hub->entropy = entropy;
    hub->trace = trace;
    hub->next_rule_id = 1;
    eca_list_init(&hub->exchanges);
    eca_list_init(&hub->sockets);
    return hub;
}

/* ---- pulled cables ----------------------------------------------------------------------------
 */

static void no_begin(void *link, int status, const struct eca_http_header *headers, size_t count,
                     size_t content_length)
{
    (void)link;
    (void)status;
    (void)headers;
    (void)count;
    (void)content_length;
}

static void no_bytes(void *link, struct eca_view bytes)
{
    (void)link;
    (void)bytes;
}

static void no_end(void *link)
{
    (void)link;
}

static void no_accept(void *link, struct fake_ws *ws, struct eca_view glued)
{
    (void)link;
    (void)ws;
    (void)glued;
}

static void no_close(void *link, int code, const char *reason)
{
    (void)link;
    (void)code;
    (void)reason;
}

static void no_reading(void *link, uint64_t bytes)
{
    (void)link;
    (void)bytes;
}

const struct fake_link_ops fake_link_silent = {
    .begin = no_begin,
    .write = no_bytes,
    .end = no_end,
    .reset = no_end,
    .accept = no_accept,
    .accept_falsely = no_end,
    .ws_text = no_bytes,
    .ws_ping = no_bytes,
    .ws_close = no_close,
    .ws_cut = no_end,
    .ws_reading = no_reading,
    .ws_raw = no_bytes,
};

size_t fake_hub_freeze(struct fake_hub *hub, const char *party)
{
    size_t count = 0;

    ECA_LIST_FOREACH(it, &hub->exchanges)
    {
        struct fake_exchange *exchange = eca_list_entry(it, struct fake_exchange, node);

        if (exchange->ops != NULL && strcmp(exchange->party->name, party) == 0) {
            exchange->ops = &fake_link_silent;
            count++;
        }
    }
    ECA_LIST_FOREACH(it, &hub->sockets)
    {
        struct fake_ws *ws = eca_list_entry(it, struct fake_ws, node);

        if (ws->ops != NULL && strcmp(ws->party->name, party) == 0) {
            ws->ops = &fake_link_silent;
            ws->frozen = true;
            count++;
        }
    }
    return count;
}

size_t fake_hub_open(const struct fake_hub *hub)
{
    return hub->exchanges.count + hub->sockets.count;
}

static void rule_free(struct fake_rule *rule)
{
    eca_free((void *)(uintptr_t)rule->fault.party);
    eca_free((void *)(uintptr_t)rule->fault.method);
    eca_free((void *)(uintptr_t)rule->fault.what);
    eca_free((void *)(uintptr_t)rule->fault.body);
    eca_free((void *)(uintptr_t)rule->fault.content_type);
    eca_free((void *)(uintptr_t)rule->fault.location);
    eca_free(rule);
}

void fake_hub_free(struct fake_hub *hub)
{
    if (hub == NULL) {
        return;
    }
    ECA_LIST_FOREACH(it, &hub->exchanges)
    {
        fake_exchange_drop(eca_list_entry(it, struct fake_exchange, node));
    }
    ECA_LIST_FOREACH(it, &hub->sockets)
    {
        fake_ws_drop(eca_list_entry(it, struct fake_ws, node));
    }
    hub->on_rules = NULL;
    fake_hub_fault_clear(hub);
    eca_free(hub->rules);
    for (size_t i = 0; i < hub->party_count; i++) {
        eca_free(hub->parties[i]->name);
        eca_free(hub->parties[i]);
    }
    eca_free(hub);
}

struct fake_party *fake_hub_party(struct fake_hub *hub, const char *name)
{
    struct fake_party *party;

    for (size_t i = 0; i < hub->party_count; i++) {
        if (strcmp(hub->parties[i]->name, name) == 0) {
            return hub->parties[i];
        }
    }
    assert(hub->party_count < PARTIES_MAX);
    party = eca_xalloc(sizeof(*party));
    party->name = eca_xstrdup(name);
    hub->parties[hub->party_count++] = party;
    return party;
}

void fake_hub_add(struct fake_hub *hub, const struct fake_service *service)
{
    struct fake_party *party = fake_hub_party(hub, service->party);

    assert(!party->has_service);
    party->service = *service;
    party->service.party = party->name;
    party->has_service = true;
}

void fake_hub_remove(struct fake_hub *hub, const char *party)
{
    struct fake_party *found = fake_hub_party(hub, party);

    ECA_LIST_FOREACH(it, &hub->exchanges)
    {
        struct fake_exchange *exchange = eca_list_entry(it, struct fake_exchange, node);
        if (exchange->party == found) {
            fake_exchange_drop(exchange);
        }
    }
    ECA_LIST_FOREACH(it, &hub->sockets)
    {
        struct fake_ws *ws = eca_list_entry(it, struct fake_ws, node);
        if (ws->party == found) {
            fake_ws_drop(ws);
        }
    }
    found->has_service = false;
    found->namer = NULL;
    found->observer_count = 0;
    found->arrival_count = 0;
}

void fake_hub_set_namer(struct fake_hub *hub, const char *party, fake_name_fn *namer, void *arg)
{
    struct fake_party *found = fake_hub_party(hub, party);

    found->namer = namer;
    found->namer_arg = arg;
}

void fake_hub_observe(struct fake_hub *hub, const char *party, fake_observe_fn *observe, void *arg)
{
    struct fake_party *found = fake_hub_party(hub, party);

    assert(found->observer_count < OBSERVERS_MAX);
    found->observers[found->observer_count].fn = observe;
    found->observers[found->observer_count++].arg = arg;
}

void fake_hub_on_arrive(struct fake_hub *hub, const char *party, fake_arrive_fn *arrive, void *arg)
{
    struct fake_party *found = fake_hub_party(hub, party);

    assert(found->arrival_count < OBSERVERS_MAX);
    found->arrivals[found->arrival_count].fn = arrive;
    found->arrivals[found->arrival_count++].arg = arg;
}

/* ---- rules ---------------------------------------------------------------------------------- */

static void rules_changed(struct fake_hub *hub)
{
    if (hub->on_rules != NULL) {
        hub->on_rules(hub->on_rules_arg);
    }
}

uint32_t fake_hub_fault(struct fake_hub *hub, const struct fake_fault *fault)
{
    struct fake_rule *rule = eca_xalloc(sizeof(*rule));

    rule->id = hub->next_rule_id++;
    rule->fault = *fault;
    rule->fault.party = eca_xstrdup(fault->party);
    rule->fault.method = eca_xstrdup(fault->method);
    rule->fault.what = eca_xstrdup(fault->what);
    rule->fault.body = eca_xstrdup(fault->body);
    rule->fault.content_type = eca_xstrdup(fault->content_type);
    rule->fault.location = eca_xstrdup(fault->location);
    hub->rules = eca_xrealloc_array(hub->rules, hub->rule_count + 1, sizeof(struct fake_rule *));
    hub->rules[hub->rule_count++] = rule;
    rules_changed(hub);
    return rule->id;
}

void fake_hub_fault_remove(struct fake_hub *hub, uint32_t id)
{
    for (size_t i = 0; i < hub->rule_count; i++) {
        if (hub->rules[i]->id == id) {
            rule_free(hub->rules[i]);
            memmove(&hub->rules[i], &hub->rules[i + 1],
                    (hub->rule_count - i - 1) * sizeof(struct fake_rule *));
            hub->rule_count--;
            rules_changed(hub);
            return;
        }
    }
}

void fake_hub_fault_clear(struct fake_hub *hub)
{
    for (size_t i = 0; i < hub->rule_count; i++) {
        rule_free(hub->rules[i]);
    }
    hub->rule_count = 0;
    rules_changed(hub);
}

static bool rule_is_spent(const struct fake_rule *rule)
{
    return rule->fault.times != 0 && rule->acted >= rule->fault.times;
}

static bool kind_fits(enum fake_fault_kind kind, enum fake_subject subject)
{
    bool message = subject == FAKE_SUBJECT_MESSAGE;

    switch (kind) {
    case FAKE_FAULT_DUPLICATE:
        return subject != FAKE_SUBJECT_UPGRADE;
    case FAKE_FAULT_DROP:
        return message;
    case FAKE_FAULT_DELAY:
    case FAKE_FAULT_RESET:
        return true;
    case FAKE_FAULT_DELAY_ANSWER:
    case FAKE_FAULT_HANG:
    case FAKE_FAULT_HANG_ANSWER:
    case FAKE_FAULT_REFUSE:
    case FAKE_FAULT_RESET_ANSWER:
    case FAKE_FAULT_CUT_BODY:
    case FAKE_FAULT_STATUS:
    case FAKE_FAULT_STATUS_AFTER:
    case FAKE_FAULT_GARBAGE:
        return !message;
    }
    return false;
}

/* A name has parts, "stop:web/app": a pattern fits the whole or its first parts. */
static bool name_matches(const char *pattern, const char *what)
{
    if (fake_glob(pattern, what)) {
        return true;
    }
    for (const char *colon = strchr(what, ':'); colon != NULL; colon = strchr(colon + 1, ':')) {
        eca_auto_free char *front = eca_xstrndup(what, (size_t)(colon - what));
        if (fake_glob(pattern, front)) {
            return true;
        }
    }
    return false;
}

static bool rule_matches(const struct fake_rule *rule, const struct fake_party *party,
                         const char *method, const char *what, const char *path,
                         enum fake_subject subject)
{
    const struct fake_fault *fault = &rule->fault;

    return kind_fits(fault->kind, subject) &&
           (fault->party == NULL || strcmp(fault->party, party->name) == 0) &&
           (fault->method == NULL || (method != NULL && strcmp(fault->method, method) == 0)) &&
           (fault->what == NULL || name_matches(fault->what, what) ||
            (path != NULL && fake_glob(fault->what, path)));
}

const struct fake_fault *fake_hub_pick(struct fake_hub *hub, const struct fake_party *party,
                                       const char *method, const char *what, const char *path,
                                       enum fake_subject subject)
{
    for (size_t i = 0; i < hub->rule_count; i++) {
        struct fake_rule *rule = hub->rules[i];

        if (rule_is_spent(rule) || !rule_matches(rule, party, method, what, path, subject)) {
            continue;
        }
        if (rule->matched++ < rule->fault.skip) {
            continue;
        }
        if (rule->fault.chance_milli != 0 &&
            eca_entropy_below(hub->entropy, 1000) >= rule->fault.chance_milli) {
            continue;
        }
        rule->acted++;
        fake_trace_addv(hub->trace, FAKE_LANE_SCENARIO, "fault", "kind",
                        fake_fault_name(rule->fault.kind), "party", party->name, "what", what,
                        NULL);
        return &rule->fault;
    }
    return NULL;
}

bool fake_hub_is_refusing(const struct fake_hub *hub, const char *party)
{
    for (size_t i = 0; i < hub->rule_count; i++) {
        const struct fake_rule *rule = hub->rules[i];
        const struct fake_fault *fault = &rule->fault;

        if (fault->kind == FAKE_FAULT_REFUSE && !rule_is_spent(rule) && fault->times == 0 &&
            fault->skip == 0 && fault->chance_milli == 0 && fault->method == NULL &&
            fault->what == NULL && (fault->party == NULL || strcmp(fault->party, party) == 0)) {
            return true;
        }
    }
    return false;
}

void fake_hub_on_rules(struct fake_hub *hub, void (*fn)(void *arg), void *arg)
{
    hub->on_rules = fn;
    hub->on_rules_arg = arg;
}

/* ---- requests ------------------------------------------------------------------------------- */

const char *fake_request_header(const struct fake_request *request, const char *name)
{
    for (size_t i = 0; i < request->header_count; i++) {
        if (strcmp(request->headers[i].name, name) == 0) {
            return request->headers[i].value;
        }
    }
    return NULL;
}

bool fake_request_param(const struct fake_request *request, const char *name, struct eca_buf *out)
{
    struct eca_view rest = eca_view_str(request->query);

    while (rest.len > 0) {
        size_t end = eca_view_find(rest, "&", 0);
        struct eca_view pair = eca_view_sub(rest, 0, end);
        size_t equals = eca_view_find(pair, "=", 0);
        eca_auto_buf struct eca_buf key = {0};

        eca_percent_decode(eca_view_sub(pair, 0, equals), true, &key);
        if (strcmp(eca_buf_str(&key), name) == 0) {
            if (equals != SIZE_MAX) {
                eca_percent_decode(eca_view_sub(pair, equals + 1, SIZE_MAX), true, out);
            }
            return true;
        }
        rest = end == SIZE_MAX ? ECA_VIEW_NONE : eca_view_sub(rest, end + 1, SIZE_MAX);
    }
    return false;
}

#include "agent/agent_internal.h"

#include "agent/config/startup.h"

/*
 * Metadata did not answer at the start, so the saved identity was trusted (STATE-132). The question
 * is repeated until it is answered: tasks of another machine must not be managed for ever.
 */
#define PAUSE_MIN_MS (30 * 1000)
#define PAUSE_MAX_MS (5 * 60 * 1000)

static void ask_later(struct eca_agent *agent)
{
    eca_timer_start(&agent->recheck_timer,
                    eca_backoff_next_ns(&agent->recheck_backoff, agent->opts.ports.entropy));
}

static void judge(struct eca_agent *agent, const char *current_id)
{
    struct eca_log *log = agent->opts.ports.log;
    struct eca_identity *saved = &agent->identity;

    if (eca_instance_is_same(saved->instance_id, current_id)) {
        ECA_INFO(log, NULL, ECA_KV("instance", current_id), "Metadata answer: the state is ours");
        eca_identity_set(&saved->instance_id, current_id);
        agent_mark_identity(agent);
        return;
    }
    /* The next start sorts it out from the beginning (STATE-131). */
    ECA_CRIT(log, NULL, ECA_KV("saved", saved->instance_id, "current", current_id),
             "Data mismatch; the state in use belongs to another instance; starting anew");
    agent_begin_end(agent, ECA_EXIT_ERROR);
}

static void on_answer(void *arg, struct eca_view body, const struct eca_err *err)
{
    struct eca_agent *agent = arg;
    struct eca_imds_identity identity = {0};

    agent->imds_wait = NULL;
    if (agent->phase >= AGENT_ENDING) {
        return;
    }
    if (err != NULL || eca_imds_identity_parse(body, &identity, NULL) < 0 ||
        identity.instance_id[0] == '\0') {
        ask_later(agent);
        return;
    }
    judge(agent, identity.instance_id);
}

static void ask(void *arg)
{
    struct eca_agent *agent = arg;

    if (agent->phase < AGENT_ENDING) {
        eca_imds_get_path(agent->imds, ECA_IMDS_DOCUMENT_PATH, on_answer, agent, &agent->imds_wait);
    }
}

void agent_recheck_identity(struct eca_agent *agent)
{
    eca_timer_init(&agent->recheck_timer, agent->opts.ports.sched, ask, agent);
    eca_backoff_init(&agent->recheck_backoff, (struct eca_backoff_opts){.min_ms = PAUSE_MIN_MS,
                                                                        .max_ms = PAUSE_MAX_MS,
                                                                        .multiplier_milli = 2000,
                                                                        .jitter_milli = 200});
    ask_later(agent);
}

void agent_recheck_stop(struct eca_agent *agent)
{
    if (eca_timer_is_armed(&agent->recheck_timer)) {
        eca_timer_stop(&agent->recheck_timer);
    }
}

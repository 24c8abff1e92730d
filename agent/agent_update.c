#include "agent/agent_internal.h"

/* The updater's surroundings: who answers for it, and the end of the process that it asks for. */

static uint64_t connection(void *arg)
{
    struct eca_agent *agent = arg;

    return eca_acs_session_connection(agent->acs);
}

static bool answer(void *arg, uint64_t number, struct eca_view text, const char *message_id)
{
    struct eca_agent *agent = arg;

    return eca_acs_session_answer(agent->acs, number, text, message_id);
}

/* The acknowledgement is queued; the session's end sends it before its Close frame (UPD-131). */
static void perform(void *arg)
{
    agent_begin_end(arg, ECA_EXIT_UPDATE);
}

void agent_make_updater(struct eca_agent *agent)
{
    static const struct eca_updater_events events = {connection, answer, perform};
    const struct eca_agent_ports *ports = &agent->opts.ports;
    const struct eca_config_values *config = agent_config(agent);
    struct eca_updater_opts opts = {.sched = ports->sched,
                                    .http = ports->http,
                                    .files = ports->files,
                                    .entropy = ports->entropy,
                                    .log = ports->log,
                                    .journal = agent->journal,
                                    .enabled = config->updates_enabled,
                                    .dir = config->update_download_dir,
                                    .events = &events,
                                    .arg = agent};

    agent->updater = eca_updater_new(&opts);
}

/* A process that ends begins nothing new. */
void agent_on_stage_update(void *arg, eca_json body)
{
    struct eca_agent *agent = arg;

    if (agent->phase == AGENT_RUNNING) {
        eca_updater_on_stage(agent->updater, body);
    }
}

void agent_on_perform_update(void *arg, eca_json body)
{
    struct eca_agent *agent = arg;

    if (agent->phase == AGENT_RUNNING) {
        eca_updater_on_perform(agent->updater, body);
    }
}

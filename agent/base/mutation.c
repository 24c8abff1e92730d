#include "agent/base/mutation.h"

#ifdef ECA_MUTATIONS
enum eca_mutation eca_mutation_on;
#endif

static const struct {
    const char *name, *text;
} mutations[ECA_MUTATIONS_COUNT] = {
    [ECA_MUTATION_NONE] = {"none", "the agent as it is"},
    [ECA_MUTATION_ACK_BEFORE_COMMIT] = {"ack before commit",
                                        "a payload is acknowledged before it is on disk"},
    [ECA_MUTATION_EVENT_LOST_AT_RECONNECT] = {"event lost at reconnect",
                                              "what happened while the event stream was away is "
                                              "neither replayed nor looked up"},
    [ECA_MUTATION_STOP_ERROR_IS_STOPPED] = {"stop error taken for stopped",
                                            "a stop that fails counts as the container's end"},
    [ECA_MUTATION_SENT_SLIPS_BACK] = {"sent status slips back",
                                      "that a status was accepted is not written down"},
    [ECA_MUTATION_LOCK_STEP] = {"lock-step wait", "the calls of all tasks wait for each other"},
    [ECA_MUTATION_LOST_WAKE_UP] = {"lost wake-up of the stop gate",
                                   "of several tasks that wait for a stop only one goes on"},
    [ECA_MUTATION_TIMER_NOT_CANCELLED] = {"timer not cancelled",
                                          "the silence timer outlives its session"},
    [ECA_MUTATION_BACKOFF_NOT_RESET] = {"backoff not reset",
                                        "success does not shorten the next pause"},
    [ECA_MUTATION_EXIT_CODE_OVERWRITTEN] = {"exit code overwritten",
                                            "a container that was asked to stop has exit code 0"},
    [ECA_MUTATION_CREDENTIALS_KEPT] = {"credentials kept after stop",
                                       "the keys of a stopped task are still handed out"},
    [ECA_MUTATION_CREDENTIALS_MIXED_UP] = {"credentials under another id",
                                           "all tasks share the keys that came last"},
    [ECA_MUTATION_IMAGE_COUNTED_TWICE] = {"image counted twice",
                                          "a pull that is repeated counts as another user"},
    [ECA_MUTATION_IMAGE_IN_USE_DELETED] = {"image in use deleted",
                                           "the image clean-up does not ask who uses an image"},
    [ECA_MUTATION_CREATED_TWICE] = {"container created twice after a crash",
                                    "what an earlier life created is not looked for"},
    [ECA_MUTATION_STALE_DISCOVERY] = {"stale discovery kept for ever",
                                      "an endpoint that does not answer is never asked for again"},
    [ECA_MUTATION_UNBOUNDED_QUEUE] = {"unbounded queue",
                                      "a task's queue of submissions is not given back"},
    [ECA_MUTATION_CLOCK_STEP_MISREAD] = {"clock step misread",
                                         "a wall clock that was set back delays the clean-up"},
    [ECA_MUTATION_SUBMISSION_ORDER] = {"submission order",
                                       "the newest status change is submitted first"},
};

bool eca_mutation_set(enum eca_mutation mutation)
{
#ifdef ECA_MUTATIONS
    eca_mutation_on = mutation;
    return true;
#else
    (void)mutation;
    return false;
#endif
}

const char *eca_mutation_name(enum eca_mutation mutation)
{
    return mutations[mutation].name;
}

const char *eca_mutation_text(enum eca_mutation mutation)
{
    return mutations[mutation].text;
}

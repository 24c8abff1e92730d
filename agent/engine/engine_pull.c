#include <string.h>

#include "agent/base/mem.h"
#include "agent/engine/engine_internal.h"

/*
 * The pull step (TASKM-201): a request to pull, or none where the image is here and that is enough,
 * then the image is inspected and its use recorded before the place in the lane is given up
 * (IMG-103, IMG-209).
 */
static void finish(struct job *job, const struct eca_runtime_result *result)
{
    struct eca_step_event event = {
        .kind = ECA_STEP_RESULT, .container = job->container, .result = result};

    if (result->outcome != ECA_OUTCOME_DONE) {
        job->engine->counters.failures[ECA_CALL_PULL]++;
    }
    engine_log_transition(job, result);
    job_end(job);
    (void)engine_step(job->entry, &event);
}

static void finish_refused(struct job *job, const struct eca_err *err)
{
    struct eca_runtime_result result = engine_refused(err);

    result.error.name = "CannotPullContainerError";
    finish(job, &result);
}

static void record(struct job *job, const struct eca_runtime_result *inspected)
{
    struct eca_container *container = job->container;

    if (inspected->outcome != ECA_OUTCOME_DONE || inspected->image_id == NULL) {
        return;
    }
    eca_images_reference(job->engine->images, inspected->image_id, container->image,
                         inspected->image_bytes, job->entry->task->arn, container->name,
                         engine_wall_ms(job->engine) * INT64_C(1000000));
    if (container->image_id == NULL || strcmp(container->image_id, inspected->image_id) != 0) {
        eca_free(container->image_id);
        container->image_id = eca_xstrdup(inspected->image_id);
        engine_mark(job->entry);
    }
}

/* After the pull, whatever its end: a local image counts, too (IMG-103). */
static void on_recorded(void *arg, const struct eca_runtime_result *result)
{
    struct job *job = arg;
    struct eca_runtime_result pulled = engine_cell(job->entry, job->container)->pulled;

    record(job, result);
    if (result->outcome != ECA_OUTCOME_DONE && pulled.outcome == ECA_OUTCOME_DONE) {
        ECA_ERROR(job->engine->opts.log, ENGINE_MODULE,
                  ECA_KV("task", job->entry->task->arn, "image", job->container->image, "error",
                         result->error.text),
                  "Image could not be inspected after its pull; the container will tell its use");
    }
    finish(job, &pulled);
}

static void on_pulled(void *arg, const struct eca_runtime_result *result)
{
    struct job *job = arg;
    struct eca_runtime *runtime = &job->engine->opts.runtime;
    struct cell *cell = engine_cell(job->entry, job->container);
    struct eca_err err = {0};

    cell->pulled = (struct eca_runtime_result){.outcome = result->outcome, .error = result->error};
    job->op = NULL;
    if (result->outcome == ECA_OUTCOME_UNREACHABLE ||
        runtime->ops->image_inspect(runtime->impl, job->container->image, on_recorded, job,
                                    &job->op, &err) < 0) {
        struct eca_runtime_result copy = cell->pulled;

        finish(job, &copy);
    }
}

static void pull(struct job *job)
{
    struct eca_runtime *runtime = &job->engine->opts.runtime;
    const struct eca_container *container = job->container;
    bool ecr = container->auth_type != NULL && strcmp(container->auth_type, "ecr") == 0;
    struct eca_pull_opts opts = {.image = container->image,
                                 .auth = ecr ? ECA_AUTH_ECR : ECA_AUTH_STATIC,
                                 .ecr_registry_id = container->ecr_registry_id,
                                 .ecr_region = container->ecr_region,
                                 .ecr_endpoint = container->ecr_endpoint,
                                 .ecr_has_data = container->has_ecr};
    struct eca_err err = {0};

    ECA_INFO(job->engine->opts.log, ENGINE_MODULE,
             ECA_KV("task", job->entry->task->arn, "container", container->name, "image",
                    container->image),
             "Pulling container");
    job->op = NULL;
    if (runtime->ops->pull(runtime->impl, &opts, on_pulled, job, &job->op, &err) < 0) {
        finish_refused(job, &err);
    }
}

/* ---- images that may be here already -------------------------------------------------------- */

static void on_imported(void *arg, const struct eca_runtime_result *result)
{
    on_pulled(arg, result);
}

static void import_empty(struct job *job)
{
    struct eca_runtime *runtime = &job->engine->opts.runtime;
    struct eca_err err = {0};

    job->op = NULL;
    if (runtime->ops->import_empty(runtime->impl, ECA_EMPTY_VOLUME_REPO, ECA_EMPTY_VOLUME_TAG,
                                   on_imported, job, &job->op, &err) < 0) {
        finish_refused(job, &err);
    }
}

static void on_present(void *arg, const struct eca_runtime_result *result)
{
    struct job *job = arg;
    struct eca_runtime_result done = {.outcome = ECA_OUTCOME_DONE};

    if (result->outcome == ECA_OUTCOME_DONE) {
        record(job, result);
        finish(job, &done);
    } else if (job->container->internal) { /* never pulled (DKR-714) */
        import_empty(job);
    } else {
        pull(job);
    }
}

void engine_pull_issue(void *arg)
{
    struct job *job = arg;
    struct eca_runtime *runtime = &job->engine->opts.runtime;
    struct eca_err err = {0};
    bool ask_first = job->container->internal;

    switch (job->engine->opts.pull_behavior) { /* DKR-L05 */
    case ECA_PULL_DEFAULT:
    case ECA_PULL_ALWAYS:
        break;
    case ECA_PULL_ONCE: /* what another task pulled before; not what was there anyway */
        ask_first |= eca_images_knows(job->engine->images, job->container->image);
        break;
    case ECA_PULL_PREFER_CACHED:
        ask_first = true;
        break;
    }
    if (!ask_first) {
        pull(job);
    } else if (runtime->ops->image_inspect(runtime->impl, job->container->image, on_present, job,
                                           &job->op, &err) < 0) {
        finish_refused(job, &err);
    }
}

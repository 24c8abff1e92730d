#include "agent/base/mem.h"
#include "agent/engine/engine_internal.h"

/*
 * Removal of unused images (IMG-201..209). One cycle at a time; the exclusive lock is held for one
 * image only, so that pulls get in between (FB-28.2).
 */
static void delete_one(struct eca_engine *engine);

static void end_cycle(struct eca_engine *engine)
{
    engine->gc_running = false;
    eca_images_end_cycle(engine->images);
}

static void end_image(struct eca_engine *engine)
{
    engine->gc_deleting = false;
    eca_free(eca_take(engine->gc_image));
    eca_free(eca_take(engine->gc_name));
    engine->gc_left--;
    eca_deferred_queue(&engine->pump_work); /* pulls that came meanwhile go first */
    engine_gc_resume(engine);
}

static void on_removed(void *arg, const struct eca_runtime_result *result)
{
    struct eca_engine *engine = arg;
    const char *what = engine->gc_name != NULL ? engine->gc_name : engine->gc_image;

    engine->gc_op = NULL;
    if (result->outcome == ECA_OUTCOME_DONE || result->outcome == ECA_OUTCOME_NOT_FOUND) {
        if (result->outcome == ECA_OUTCOME_DONE) {
            ECA_INFO(engine->opts.log, "ImageManager", ECA_KV("image", what), "Image removed");
        } else { /* IMG-204: somebody else removed it */
            ECA_ERROR(engine->opts.log, "ImageManager",
                      ECA_KV("image", what, "error", result->error.text), "Image was not there");
        }
        eca_images_name_removed(engine->images, engine->gc_image, engine->gc_name);
        engine->counters.images_removed++;
        if (engine->gc_name == NULL ||
            eca_images_name(engine->images, engine->gc_image, engine->gc_skip) == NULL) {
            end_image(engine);
            return;
        }
    } else {
        ECA_ERROR(engine->opts.log, "ImageManager",
                  ECA_KV("image", what, "error", result->error.text), "Image not removed");
        eca_images_mark_tried(engine->images, engine->gc_image);
        engine->gc_skip++;
        if (eca_images_name(engine->images, engine->gc_image, engine->gc_skip) == NULL) {
            end_image(engine);
            return;
        }
    }
    delete_one(engine); /* its next name (IMG-203) */
}

static void delete_one(struct eca_engine *engine)
{
    struct eca_runtime *runtime = &engine->opts.runtime;
    struct eca_err err = {0};
    const char *name = eca_images_name(engine->images, engine->gc_image, engine->gc_skip);

    eca_free(engine->gc_name);
    engine->gc_name = eca_xstrdup(name);
    if (runtime->ops->image_remove(runtime->impl, name != NULL ? name : engine->gc_image,
                                   on_removed, engine, &engine->gc_op, &err) < 0) {
        struct eca_runtime_result result = engine_refused(&err);

        on_removed(engine, &result);
    }
}

void engine_gc_resume(struct eca_engine *engine)
{
    const char *candidate;

    if (!engine->gc_running || engine->gc_deleting || engine->lanes[LANE_PULL].active > 0 ||
        !eca_list_is_empty(&engine->lanes[LANE_PULL].waiting)) {
        return; /* goes on when no pull is under way */
    }
    candidate =
        engine->gc_left == 0
            ? NULL
            : eca_images_candidate(engine->images, engine_wall_ms(engine) * INT64_C(1000000),
                                   (int64_t)engine->opts.image_minimum_age_ms * INT64_C(1000000));
    if (candidate == NULL) {
        if (engine->gc_left > 0) {
            ECA_INFO(engine->opts.log, "ImageManager", ECA_NO_KV, "No more images to remove");
        }
        end_cycle(engine);
        return;
    }
    engine->gc_deleting = true;
    engine->gc_skip = 0;
    engine->gc_image = eca_xstrdup(candidate);
    delete_one(engine);
}

static void cycle(void *arg)
{
    struct eca_engine *engine = arg;

    eca_timer_start_ms(&engine->gc_timer, engine->opts.image_interval_ms);
    if (engine->gc_running || engine->disabled) {
        return; /* never two at once (FB-28.1) */
    }
    engine->gc_running = true;
    engine->gc_left = engine->opts.images_per_cycle;
    engine_gc_resume(engine);
}

void engine_gc_init(struct eca_engine *engine)
{
    eca_timer_init(&engine->gc_timer, engine->opts.sched, cycle, engine);
}

void engine_gc_start(struct eca_engine *engine)
{
    if (!engine->opts.image_cleanup_disabled &&
        engine->opts.pull_behavior != ECA_PULL_PREFER_CACHED) { /* what is cached must stay */
        eca_timer_start_ms(&engine->gc_timer, engine->opts.image_interval_ms);
    }
}

void engine_gc_clear(struct eca_engine *engine)
{
    eca_timer_stop(&engine->gc_timer);
    if (engine->gc_op != NULL) {
        engine->opts.runtime.ops->cancel(engine->opts.runtime.impl, engine->gc_op);
    }
    eca_free(engine->gc_image);
    eca_free(engine->gc_name);
}

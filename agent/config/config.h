#ifndef ECA_CONFIG_CONFIG_H
#define ECA_CONFIG_CONFIG_H

#include "agent/base/log.h"
#include "agent/ports/host.h"

/*
 * The configuration: environment, JSON file, EC2 metadata (region only), defaults (spec 01,
 * section 4). One table of settings (settings.c) drives reading, printing and checking. Nothing is
 * logged here: what a person must know is collected as messages that the caller logs.
 *
 *   config = eca_config_load(host);
 *   if (eca_config_needs_region(config)) ... ask metadata ... eca_config_set_region(config, text);
 *   if (eca_config_validate(config) > 0) ... exit 1, reasons are among the messages ...
 */
enum eca_origin {
    ECA_ORIGIN_DEFAULT,
    ECA_ORIGIN_ENVIRONMENT,
    ECA_ORIGIN_FILE,
    ECA_ORIGIN_METADATA,
};
const char *eca_origin_name(enum eca_origin origin); /* "default", "environment", ... */

enum eca_pull_behavior {
    ECA_PULL_DEFAULT,       /* pull, a failure falls back to a local image */
    ECA_PULL_ALWAYS,        /* a failed pull is final */
    ECA_PULL_ONCE,          /* only an image never pulled here */
    ECA_PULL_PREFER_CACHED, /* only when no local image exists */
};

struct eca_port_list {
    uint16_t *at;
    size_t count;
};
struct eca_text_list {
    char **at;
    size_t count;
};

/* Texts are never NULL. Durations are nanoseconds. */
struct eca_config_values {
    char *cluster;                        /* CFG-301; "" = not configured */
    char *api_endpoint;                   /* CFG-302 */
    char *region;                         /* CFG-303 */
    char *docker_endpoint;                /* CFG-304 */
    struct eca_port_list ports;           /* CFG-305 */
    struct eca_port_list ports_udp;       /* CFG-306 */
    char *data_dir;                       /* CFG-307 */
    char *engine_auth_type;               /* CFG-309 */
    struct eca_secret engine_auth_data;   /* CFG-310 */
    char *update_download_dir;            /* CFG-312 */
    struct eca_text_list logging_drivers; /* CFG-315 */
    char *audit_log_file;                 /* CFG-327 */
    char *log_level;                      /* CFG-329; "" = not set */
    char *log_file;                       /* CFG-329; "" = none */
    char *config_file_path;               /* CFG-330 */
    char *introspection_bind;             /* INTRO-131; "" = all interfaces */
    char *credentials_bind;               /* INTRO-131 */
    char *flight_recording;               /* path, "" = off */
    char *metadata_endpoint;              /* EC2-111 */
    struct eca_secret http_proxy;         /* CFG-340; may hold a password */
    struct eca_secret https_proxy;
    char *no_proxy;
    char *ssl_cert_file, *ssl_cert_dir; /* API-105 */
    char *docker_tls_verify;            /* DKR-104; non-empty = on */
    char *docker_cert_path;             /* DKR-104 */
    int64_t task_cleanup_wait_ns;       /* CFG-319 */
    int64_t container_stop_timeout_ns;  /* CFG-320 */
    int64_t image_cleanup_interval_ns;  /* CFG-324 */
    int64_t image_minimum_age_ns;       /* CFG-325 */
    int64_t images_per_cycle;           /* CFG-326 */
    int64_t pull_behavior;              /* enum eca_pull_behavior (DKR-L05) */
    int64_t pull_inactivity_ns;         /* DKR-L04 */
    int64_t poll_wait_ns;               /* STAT-L4 */
    uint16_t reserved_memory_mib;       /* CFG-314 */
    bool checkpoint;                    /* CFG-308 */
    bool updates_enabled;               /* CFG-311 */
    bool disable_metrics;               /* CFG-313 */
    bool poll_metrics;                  /* STAT-L4 */
    bool privileged_disabled;           /* CFG-316 */
    bool selinux_capable;               /* CFG-317 */
    bool apparmor_capable;              /* CFG-318 */
    bool task_iam_role;                 /* CFG-321 */
    bool task_iam_role_network_host;    /* CFG-322 */
    bool image_cleanup_disabled;        /* CFG-323 */
    bool audit_log_disabled;            /* CFG-328 */
};

struct eca_config_message {
    enum eca_log_level level; /* CRIT: fatal */
    char *text;
};

struct eca_config;
struct eca_config *eca_config_load(struct eca_host host);
void eca_config_free(struct eca_config *config); /* NULL ok */
const struct eca_config_values *eca_config_values(const struct eca_config *config);

/* The region is empty after environment and file (CFG-103). */
bool eca_config_needs_region(const struct eca_config *config);
/* The region that metadata gave; ignored when there is one already. */
void eca_config_set_region(struct eca_config *config, struct eca_view region);
/* The cluster in use once registration chose it (API-621). */
void eca_config_set_cluster(struct eca_config *config, const char *cluster);
/* Examine everything (CFG-501..504); returns the number of fatal errors, each a CRIT message. Call
 * once. */
size_t eca_config_validate(struct eca_config *config);

size_t eca_config_message_count(const struct eca_config *config);
const struct eca_config_message *eca_config_message(const struct eca_config *config, size_t index);
/* Write all messages; a given value never stands in one if it is a secret (CFG-603). */
void eca_config_log_messages(const struct eca_config *config, struct eca_log *log);

/* Every setting there is, as a table of Markdown for the operator guide. */
void eca_settings_print(struct eca_buf *out);
/* -print-config (PROC-106): one line per setting. Returns the exit code: 1 when a given value was
 * fatal, discarded or replaced. */
int eca_config_print(const struct eca_config *config, struct eca_buf *out);
/* One line with exactly the settings of CFG-602. */
void eca_config_digest(const struct eca_config *config, struct eca_buf *out);
/* Where a setting came from, by environment name; asserts that the name is in the table. */
enum eca_origin eca_config_origin(const struct eca_config *config, const char *env_name);

/* Minimum Docker API version of a logging driver ("1.18"), or NULL: unknown (DKR-131). */
const char *eca_config_driver_version(const char *driver);

#endif

#ifndef TESTS_UNIT_PORTS_CONTRACT_H
#define TESTS_UNIT_PORTS_CONTRACT_H

#include <check.h>

#include "agent/ports/files.h"
#include "agent/ports/store.h"
#include "tests/unit/fakes/stage.h"

/*
 * What a port promises, as tests that know nothing about the implementation. The memory carrier and
 * the production adapters run the same ones, so that what the simulation assumes is what production
 * does. A rig brings one implementation to life around the party "word" (contract.c) on a clock
 * that only the test moves; it fills the members of `contract`.
 */
struct contract_rig {
    void (*open)(void); /* stage.base stands already, with the party "word" on its hub */
    void (*close)(void);
    void (*pump)(void);    /* everything that can happen at this instant */
    uint64_t step_ms_max;  /* largest move of the clock between two pumps; 0 = to the next timer */
    bool over_unix;        /* exchanges go through the unix socket, not to the URL's host */
    void (*prepare)(void); /* clock and scheduler; NULL = the manual clock's */
};

struct contract {
    const struct contract_rig *rig;
    struct stage stage; /* http or channel and base are set */
    char http[64];      /* "http://127.0.0.1:4711", no slash at the end */
    char wss[64];
    char nobody[64]; /* host and port where nobody listens */
    char unix_socket[64], no_unix_socket[64];
    /* What the party saw. */
    size_t requests, gone, accepted;
    struct eca_buf target; /* "METHOD target" of the latest request */
    struct eca_buf heads;  /* its header lines "name: value\n", in order */
    struct eca_buf body;
    struct fake_exchange *held; /* the latest one without an answer */
    struct fake_ws *ws;         /* the latest one that stands */
    struct eca_buf heard;       /* texts, each followed by '\n' */
    struct eca_buf pongs;
    bool ws_closed;
    int ws_code;
    struct eca_buf ws_reason;
    /* An answer's body in pieces. */
    struct eca_timer trickle;
    uint64_t trickle_ms;     /* before each */
    size_t trickle_bytes;    /* of each */
    uint64_t trickle_pieces; /* until the end; 0 = no end */
};
extern struct contract contract;

void contract_set_rig(const struct contract_rig *rig);
void contract_open(void);
void contract_close(void);
/* Move the clock, running everything due on the way. */
void contract_advance_ms(uint64_t ms);
/* Move the clock until the flag is set; fails after an hour. */
void contract_until(const bool *flag, const char *what);
uint64_t contract_now_ms(void);
/* Larger of the exactness a rig can promise and zero: deadlines lie within [ms, ms + this]. */
uint64_t contract_slack_ms(void);

/* The latest request named this host. */
void contract_expect_host(const char *host);

/* The store port has no peer: its rig is a store and a way to let time pass. */
struct contract_store_rig {
    void (*open)(void);
    void (*close)(void);
    struct eca_store (*store)(void);
    void (*step)(void);         /* a little time passes */
    void (*fail_next)(bool on); /* commits fail from now on, or work again */
};
void contract_store_add(Suite *suite, const struct contract_store_rig *rig);

/* The files port: its rig is a folder that can be looked into. */
struct contract_files_rig {
    void (*open)(void);
    void (*close)(void);
    struct eca_files (*files)(void);
    void (*step)(void);       /* a little time passes */
    const char *(*dir)(void); /* exists, empty */
    bool (*read)(const char *name, struct eca_buf *out);
    size_t (*count)(void); /* files in dir */
    void (*fill)(bool on); /* nothing more can be written from now on, or it can again */
};
void contract_files_add(Suite *suite, const struct contract_files_rig *rig);

/* Add every test of a port; fixtures open and close the rig of contract_set_rig. */
void contract_http_add(Suite *suite);
void contract_channel_add(Suite *suite);
/* The whole main of a test program for these ports. */
int contract_main(const struct contract_rig *rig, Suite *suite);

#endif

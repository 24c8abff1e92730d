#include "fakes/carry/certs.h"

#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "agent/base/buf.h"
#include "agent/base/mem.h"

#define DAY_MS INT64_C(86400000)
#define LIFE_MS (3650 * DAY_MS)

struct pair {
    EVP_PKEY *key;
    X509 *cert;
};

static void pair_clear(struct pair *pair)
{
    EVP_PKEY_free(pair->key);
    X509_free(pair->cert);
}

static int ssl_err(struct eca_err *err, const char *what)
{
    char text[160];

    ERR_error_string_n(ERR_get_error(), text, sizeof(text));
    return eca_err_set(err, ECA_E_INTERNAL, "test certificates: %s: %s", what, text);
}

static bool add_extension(X509 *cert, X509 *issuer, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509_EXTENSION *extension;
    bool done;

    X509V3_set_ctx_nodb(&ctx);
    X509V3_set_ctx(&ctx, issuer, cert, NULL, NULL, 0);
    extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    done = extension != NULL && X509_add_ext(cert, extension, -1) == 1;
    X509_EXTENSION_free(extension);
    return done;
}

static bool set_name(X509 *cert, const char *common_name)
{
    X509_NAME *name = X509_get_subject_name(cert);

    return X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, (const unsigned char *)common_name,
                                      -1, -1, 0) == 1;
}

static int begin_cert(struct pair *pair, const char *name, long serial, int64_t from_ms,
                      int64_t to_ms, struct eca_err *err)
{
    time_t from = (time_t)(from_ms / 1000), to = (time_t)(to_ms / 1000);

    pair->key = EVP_EC_gen("P-256");
    pair->cert = X509_new();
    if (pair->key == NULL || pair->cert == NULL || X509_set_version(pair->cert, 2) != 1 ||
        ASN1_INTEGER_set(X509_get_serialNumber(pair->cert), serial) != 1 ||
        ASN1_TIME_set(X509_getm_notBefore(pair->cert), from) == NULL ||
        ASN1_TIME_set(X509_getm_notAfter(pair->cert), to) == NULL ||
        X509_set_pubkey(pair->cert, pair->key) != 1 || !set_name(pair->cert, name)) {
        return ssl_err(err, name);
    }
    return ECA_OK;
}

static int make_ca(struct pair *ca, int64_t from_ms, int64_t to_ms, struct eca_err *err)
{
    if (begin_cert(ca, "fake ECS test CA", 1, from_ms, to_ms, err) < 0) {
        return err == NULL ? ECA_E_INTERNAL : err->code;
    }
    if (X509_set_issuer_name(ca->cert, X509_get_subject_name(ca->cert)) != 1 ||
        !add_extension(ca->cert, ca->cert, NID_basic_constraints, "critical,CA:TRUE") ||
        !add_extension(ca->cert, ca->cert, NID_key_usage, "critical,keyCertSign,cRLSign") ||
        !add_extension(ca->cert, ca->cert, NID_subject_key_identifier, "hash") ||
        X509_sign(ca->cert, ca->key, EVP_sha256()) == 0) {
        return ssl_err(err, "CA");
    }
    return ECA_OK;
}

static int make_server(const struct fake_certs_opts *opts, const struct pair *ca,
                       struct pair *server, int64_t from_ms, int64_t to_ms, struct eca_err *err)
{
    eca_auto_buf struct eca_buf names = {0};

    eca_buf_add_str(&names, "DNS:localhost,IP:127.0.0.1,IP:::1");
    for (int i = 0; i < opts->name_count; i++) {
        eca_buf_addf(&names, ",DNS:%s", opts->names[i]);
    }
    if (begin_cert(server, "fake ECS server", 2, from_ms, to_ms, err) < 0) {
        return err == NULL ? ECA_E_INTERNAL : err->code;
    }
    if (X509_set_issuer_name(server->cert, X509_get_subject_name(ca->cert)) != 1 ||
        !add_extension(server->cert, ca->cert, NID_basic_constraints, "critical,CA:FALSE") ||
        !add_extension(server->cert, ca->cert, NID_ext_key_usage, "serverAuth") ||
        !add_extension(server->cert, ca->cert, NID_authority_key_identifier, "keyid") ||
        !add_extension(server->cert, ca->cert, NID_subject_alt_name, eca_buf_str(&names)) ||
        X509_sign(server->cert, ca->key, EVP_sha256()) == 0) {
        return ssl_err(err, "server");
    }
    return ECA_OK;
}

static int write_pem(const char *path, X509 *cert, EVP_PKEY *key, struct eca_err *err)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, key != NULL ? 0600 : 0644);
    FILE *file = fd < 0 ? NULL : fdopen(fd, "w");
    bool done;

    if (file == NULL) {
        if (fd >= 0) {
            (void)close(fd);
        }
        return eca_err_set(err, ECA_E_INTERNAL, "cannot write %s", path);
    }
    done = key != NULL ? PEM_write_PrivateKey(file, key, NULL, NULL, 0, NULL, NULL) == 1
                       : PEM_write_X509(file, cert) == 1;
    if (fclose(file) != 0 || !done) {
        return eca_err_set(err, ECA_E_INTERNAL, "cannot write %s", path);
    }
    return ECA_OK;
}

static bool put_path(char *out, size_t size, const struct fake_certs_opts *opts, const char *name)
{
    int len =
        snprintf(out, size, "%s/%s%s", opts->dir, opts->prefix == NULL ? "" : opts->prefix, name);
    return len > 0 && (size_t)len < size;
}

int fake_certs_make(const struct fake_certs_opts *opts, struct fake_certs *ret_certs,
                    struct eca_err *err)
{
    int64_t from_ms = opts->not_before_ms == 0 ? opts->wall_ms - DAY_MS : opts->not_before_ms;
    int64_t to_ms = opts->not_after_ms == 0 ? opts->wall_ms + LIFE_MS : opts->not_after_ms;
    struct pair ca = {0}, server = {0};
    int rc;

    if (!put_path(ret_certs->ca_file, sizeof(ret_certs->ca_file), opts, "ca.pem") ||
        !put_path(ret_certs->cert_file, sizeof(ret_certs->cert_file), opts, "server.pem") ||
        !put_path(ret_certs->key_file, sizeof(ret_certs->key_file), opts, "server-key.pem")) {
        return eca_err_set(err, ECA_E_INVALID, "directory name too long: %s", opts->dir);
    }
    rc = make_ca(&ca, opts->wall_ms - DAY_MS, opts->wall_ms + LIFE_MS, err);
    if (rc == 0) {
        rc = make_server(opts, &ca, &server, from_ms, to_ms, err);
    }
    if (rc == 0) {
        rc = write_pem(ret_certs->ca_file, ca.cert, NULL, err);
    }
    if (rc == 0) {
        rc = write_pem(ret_certs->cert_file, server.cert, NULL, err);
    }
    if (rc == 0) {
        rc = write_pem(ret_certs->key_file, NULL, server.key, err);
    }
    pair_clear(&ca);
    pair_clear(&server);
    ERR_clear_error();
    return rc;
}

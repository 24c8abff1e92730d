#ifndef ECA_SYS_TLS_TRUST_H
#define ECA_SYS_TLS_TRUST_H

/*
 * Where trusted certificates come from (API-105, WS-104): SSL_CERT_FILE, SSL_CERT_DIR, else the
 * system's hashed directory, which is read lazily (2 ms instead of 20 to 37 for the bundle), else
 * the bundle. Exactly one member is set, or both when both variables are.
 */
struct eca_tls_trust {
    const char *file;
    const char *dir;
};
struct eca_tls_trust eca_tls_trust_find(const char *ssl_cert_file, const char *ssl_cert_dir);

#endif

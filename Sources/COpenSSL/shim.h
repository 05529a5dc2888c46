// OpenSSL for Swift: the headers, and the calls that OpenSSL offers only as macros, which Swift cannot see.
#ifndef SORDINO_COPENSSL_SHIM_H
#define SORDINO_COPENSSL_SHIM_H

#include "certificates.h"
#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/kdf.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// ---- Transport: TLS contexts and sessions (macros and typed stacks that Swift cannot see) ----

static inline int transport_context_require_tls13(SSL_CTX *context) {
    return SSL_CTX_set_min_proto_version(context, TLS1_3_VERSION) == 1
        && SSL_CTX_set_max_proto_version(context, TLS1_3_VERSION) == 1;
}
static inline int transport_context_set_groups(SSL_CTX *context, const char *list) {
    return SSL_CTX_set1_groups_list(context, list) == 1;
}
static inline int transport_context_set_signatures(SSL_CTX *context, const char *list) {
    return SSL_CTX_set1_sigalgs_list(context, list) == 1;
}
static inline void transport_context_set_modes(SSL_CTX *context, long modes) { SSL_CTX_set_mode(context, modes); }
static inline void transport_context_set_preferences(SSL_CTX *context) {
    SSL_CTX_set_options(
        context, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA | SSL_OP_NO_RENEGOTIATION);
}
static inline void transport_context_disable_cache(SSL_CTX *context) {
    SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
}
static inline void transport_context_set_read_ahead(SSL_CTX *context) { SSL_CTX_set_read_ahead(context, 1); }
static inline int transport_context_add_chain(SSL_CTX *context, X509 *certificate) {
    return SSL_CTX_add1_chain_cert(context, certificate) == 1;
}
static inline int transport_session_set_server_name(SSL *ssl, const char *name) {
    return SSL_set_tlsext_host_name(ssl, name) == 1;
}
static inline int transport_certificates_count(const STACK_OF(X509) *stack) { return sk_X509_num(stack); }
static inline X509 *transport_certificates_at(const STACK_OF(X509) *stack, int index) {
    return sk_X509_value(stack, index);
}
static inline STACK_OF(X509) *transport_certificates_of(X509 *certificate) {
    STACK_OF(X509) *stack = sk_X509_new_null();
    if (stack != NULL && sk_X509_push(stack, certificate) <= 0) {
        sk_X509_free(stack);
        return NULL;
    }
    return stack;
}
static inline void transport_certificates_free(STACK_OF(X509) *stack) { sk_X509_free(stack); }
static inline int transport_names_count(const GENERAL_NAMES *names) { return sk_GENERAL_NAME_num(names); }
static inline GENERAL_NAME *transport_names_at(const GENERAL_NAMES *names, int index) {
    return sk_GENERAL_NAME_value(names, index);
}
static inline int transport_revoked_count(X509_CRL *list) {
    STACK_OF(X509_REVOKED) *stack = X509_CRL_get_REVOKED(list);
    return stack == NULL ? 0 : sk_X509_REVOKED_num(stack);
}
static inline const ASN1_INTEGER *transport_revoked_serial(X509_CRL *list, int index) {
    return X509_REVOKED_get0_serialNumber(sk_X509_REVOKED_value(X509_CRL_get_REVOKED(list), index));
}
static inline const char *transport_error_reason(unsigned long code) {
    return ERR_SYSTEM_ERROR(code) ? NULL : ERR_reason_error_string(code);
}

// Linux calls that Swift's Glibc module leaves out. They stand here because Transport, their one user, has this
// one C module, and a module of their own would be another arrow in the house.
#include <sys/epoll.h>
#include <sys/eventfd.h>

static inline int transport_event_descriptor(void) { return eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC); }
static inline void transport_event_signal(int descriptor) { (void)eventfd_write(descriptor, 1); }
static inline void transport_event_clear(int descriptor) {
    eventfd_t count;
    (void)eventfd_read(descriptor, &count);
}

// ---- end of Transport ----

#endif

// What Cryptography needs for certificates and OpenSSL offers as macros only: memory BIOs and stacks of names.
#ifndef SORDINO_COPENSSL_CERTIFICATES_H
#define SORDINO_COPENSSL_CERTIFICATES_H

#include <openssl/bio.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

// The bytes that a memory BIO holds; they stay the BIO's.
static inline long sordino_certificates_contents(BIO *bio, char **bytes) {
  return BIO_get_mem_data(bio, bytes);
}

static inline int sordino_certificates_name_count(const GENERAL_NAMES *names) {
  return sk_GENERAL_NAME_num(names);
}

// The URI at an index of alternative names, or NULL where another kind of name stands.
static inline const ASN1_STRING *sordino_certificates_uri(const GENERAL_NAMES *names, int index) {
  const GENERAL_NAME *name = sk_GENERAL_NAME_value(names, index);
  return name->type == GEN_URI ? name->d.uniformResourceIdentifier : NULL;
}

static inline int sordino_certificates_revoked_count(X509_CRL *list) {
  return sk_X509_REVOKED_num(X509_CRL_get_REVOKED(list));
}

static inline X509_REVOKED *sordino_certificates_revoked(X509_CRL *list, int index) {
  return sk_X509_REVOKED_value(X509_CRL_get_REVOKED(list), index);
}

// A stack of certificates that does not own them.
static inline STACK_OF(X509) *sordino_certificates_new(void) { return sk_X509_new_null(); }
static inline int sordino_certificates_push(STACK_OF(X509) *stack, X509 *certificate) {
  return sk_X509_push(stack, certificate) > 0;
}
static inline void sordino_certificates_free(STACK_OF(X509) *stack) { sk_X509_free(stack); }

// How X509_NAME_print_ex writes a name on one line, control characters escaped.
static inline unsigned long sordino_certificates_line_flags(void) { return XN_FLAG_RFC2253; }

#endif

/* claims_reader.h - what a worker claims, read as what a stranger says. */
#ifndef FERRY_CLAIMS_READER_H
#define FERRY_CLAIMS_READER_H

#include "session/claims.h"

/* Copies claims, with everything in them made sane: numbers in their ranges, texts terminated; but
 * of times only whoever knows the stay can say what is possible. The one place that reads them;
 * they may change meanwhile. */
void claims_read(const struct claims *shared, struct claims *copy);

/* The words of docs/ledger.md. */
const char *claims_outcome_name(enum outcome outcome);
const char *claims_verb_name(uint32_t verb); /* from claims_read(); "" where there is none */

enum { CLAIMS_REASON_TEXT = 64 };

/* A reason that is not 0: its name, for programs ("ENOSPC"), and its words, for people. The result
 * may be `text`. */
const char *claims_reason_name(uint32_t reason, char text[CLAIMS_REASON_TEXT]);
const char *claims_reason_words(uint32_t reason, char text[CLAIMS_REASON_TEXT]);

#endif

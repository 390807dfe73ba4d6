#include "CPlatform.h"

#include <sys/types.h>
#include <netinet/in.h>

#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>
#include <stdlib.h>

/// The length of a DNS message is a 16-bit number.
enum { answer_size = 65535 };
/// Priority, weight and port, before the target.
enum { fixed_size = 6 };

/// Passes the records of an answer to `handler`; records that aren't valid by RFC 2782 are skipped.
static int read_answer(
    const unsigned char *answer, int length, void *context, CPlatform_service_handler handler) {
  ns_msg message;
  if (ns_initparse(answer, length, &message) != 0) return NO_RECOVERY;
  for (int index = 0; index < ns_msg_count(message, ns_s_an); index++) {
    ns_rr record;
    if (ns_parserr(&message, ns_s_an, index, &record) != 0) return NO_RECOVERY;
    // CNAME records precede the SRV records.
    if (ns_rr_type(record) != ns_t_srv || ns_rr_rdlen(record) <= fixed_size) continue;
    const unsigned char *data = ns_rr_rdata(record);
    char target[NS_MAXDNAME];
    if (ns_name_uncompress(
            ns_msg_base(message), ns_msg_end(message), data + fixed_size, target, sizeof target) < 0) {
      continue;
    }
    handler(context, ns_get16(data), ns_get16(data + 2), ns_get16(data + 4), target);
  }
  return 0;
}

int CPlatform_services(const char *name, void *context, CPlatform_service_handler handler) {
  unsigned char *answer = malloc(answer_size);
  if (answer == NULL) return NO_RECOVERY;
  int length = res_search(name, ns_c_in, ns_t_srv, answer, answer_size);
  int result;
  if (length < 0) {
    result = h_errno;
  } else if (length > answer_size) {
    result = NO_RECOVERY;
  } else {
    result = read_answer(answer, length, context, handler);
  }
  free(answer);
  return result;
}

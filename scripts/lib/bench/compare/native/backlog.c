/* Loaded before OpenSMTPD: its listen(2) asks for a queue of five connections, and has no setting for more.
   When more connect at once, Linux answers with SYN cookies; a connection whose last packet then finds the
   queue still full is open for the client and unknown to the server, and in SMTP the server speaks first:
   neither ever says a word. Here the queue is as long as the kernel allows. */
#define _GNU_SOURCE
#include <dlfcn.h>

int listen(int socket, int backlog) {
  int (*real)(int, int) = (int (*)(int, int))dlsym(RTLD_NEXT, "listen");
  return real(socket, backlog < 4096 ? 4096 : backlog);
}

/* The next hop: takes every message, keeps none, and notes which came when. One thread, epoll.

   sink PORT LOG
     LOG  file, appended to: one line a message, "number time", time in seconds of CLOCK_MONOTONIC, the
          number from its X-Load-Id field (-1 without one). A line is written before its message is
          answered, so that a sink that is killed has noted all that it acknowledged.
   Prints the number of distinct messages so far, a line each time, at most every 50 ms. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 20000000, HEADER = 16384, FIELD = 11 };
/* Where the text stands: RFC 5321 4.1.1.4, the end is CRLF.CRLF and nothing else. */
enum Text { PLAIN, CR, CRLF, DOT, DOT_CR };

typedef struct {
  int fd, in_data, line_length, header_length, out_length;
  enum Text text;
  char line[2048], header[HEADER + 1], out[8192];
} Peer;

static unsigned char seen[MOST / 8];
static long distinct;
static int log_fd, log_length;
static char log_text[65536];

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void write_log(void) {
  int done = 0;
  while (done < log_length) {
    int n = write(log_fd, log_text + done, log_length - done);
    if (n < 0) exit(3);
    done += n;
  }
  log_length = 0;
}

static void note(Peer *p) {
  p->header[p->header_length] = 0;
  char *field = strstr(p->header, "X-Load-Id: ");
  long number = field ? atol(field + FIELD) : -1;
  if (number >= 0 && number < MOST && !(seen[number / 8] & 1 << number % 8)) {
    seen[number / 8] |= 1 << number % 8;
    distinct++;
  }
  if (log_length > (int)sizeof log_text - 64) write_log();
  log_length += sprintf(log_text + log_length, "%ld %.6f\n", number, now());
}

static void say(Peer *p, const char *text) {
  int n = strlen(text);
  if (p->out_length + n > (int)sizeof p->out) return;
  memcpy(p->out + p->out_length, text, n);
  p->out_length += n;
}

/* False ends the connection. */
static int send_out(Peer *p) {
  int done = 0;
  while (done < p->out_length) {
    int n = send(p->fd, p->out + done, p->out_length - done, MSG_NOSIGNAL);
    if (n < 0 && errno == EAGAIN) usleep(100);
    else if (n < 0) return 0;
    else done += n;
  }
  p->out_length = 0;
  return 1;
}

static int command(Peer *p) {
  char *l = p->line;
  if (!strncasecmp(l, "EHLO", 4)) say(p, "250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250 SIZE 0\r\n");
  else if (!strncasecmp(l, "DATA", 4)) {
    say(p, "354 go\r\n");
    p->in_data = 1, p->text = CRLF, p->header_length = 0;
  } else if (!strncasecmp(l, "QUIT", 4)) {
    say(p, "221 bye\r\n");
    return 0;
  } else say(p, "250 2.0.0 ok\r\n");
  return 1;
}

/* Takes content up to its end; gives how many bytes it took. */
static int content(Peer *p, const char *from, int length) {
  int i = 0;
  while (i < length) {
    if (p->text == PLAIN) {
      const char *cr = memchr(from + i, '\r', length - i);
      if (!cr) return length;
      i = cr - from + 1, p->text = CR;
      continue;
    }
    char c = from[i++];
    if (p->text == DOT_CR && c == '\n') {
      p->in_data = 0;
      note(p);
      say(p, "250 2.0.0 ok\r\n");
      return i;
    }
    if (p->text == CR && c == '\n') p->text = CRLF;
    else if (p->text == CRLF && c == '.') p->text = DOT;
    else if (p->text == DOT && c == '\r') p->text = DOT_CR;
    else p->text = c == '\r' ? CR : PLAIN;
  }
  return length;
}

/* False ends the connection. */
static int take(Peer *p, const char *from, int length) {
  for (int i = 0; i < length;) {
    if (p->in_data) {
      int room = HEADER - p->header_length, n = length - i < room ? length - i : room;
      memcpy(p->header + p->header_length, from + i, n);
      p->header_length += n;
      i += content(p, from + i, length - i);
    } else if (from[i] == '\n') {
      p->line[p->line_length] = 0;
      p->line_length = 0;
      i++;
      if (!command(p)) return 0;
    } else {
      if (p->line_length < (int)sizeof p->line - 1) p->line[p->line_length++] = from[i];
      i++;
    }
  }
  return 1;
}

static int listen_on(int port) {
  int one = 1, s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  setsockopt(s, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  if (bind(s, (void *)&at, sizeof at) || listen(s, 1024)) {
    perror("listen");
    exit(1);
  }
  return s;
}

static void greet(int listener, int poll_fd) {
  int f, one = 1;
  while ((f = accept4(listener, 0, 0, SOCK_NONBLOCK)) >= 0) {
    setsockopt(f, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    Peer *p = calloc(1, sizeof *p);
    p->fd = f;
    struct epoll_event e = {.events = EPOLLIN, .data.ptr = p};
    epoll_ctl(poll_fd, EPOLL_CTL_ADD, f, &e);
    say(p, "220 sink ESMTP\r\n");
    send_out(p);
  }
}

static void serve(Peer *p) {
  static char buffer[262144];
  int n = read(p->fd, buffer, sizeof buffer);
  if (n < 0 && errno == EAGAIN) return;
  int good = n > 0 && take(p, buffer, n);
  if (log_length) write_log();
  /* A peer that writes the end by itself, without TCP_NODELAY, waits for this acknowledgement: 40 ms without. */
  if (good && p->in_data) setsockopt(p->fd, IPPROTO_TCP, TCP_QUICKACK, &(int){1}, sizeof(int));
  if (n > 0 && !send_out(p)) good = 0;
  if (good) return;
  close(p->fd);
  free(p);
}

int main(int argc, char **v) {
  if (argc < 3) return 2;
  signal(SIGPIPE, SIG_IGN);
  /* It ends with whoever measures, however that ends. */
  prctl(PR_SET_PDEATHSIG, SIGKILL);
  log_fd = open(v[2], O_WRONLY | O_CREAT | O_APPEND, 0644);
  if (log_fd < 0) return 3;
  int listener = listen_on(atoi(v[1])), poll_fd = epoll_create1(0);
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL}, events[256];
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, listener, &e);
  double told = 0;
  long shown = -1;
  for (;;) {
    int n = epoll_wait(poll_fd, events, 256, 50);
    for (int i = 0; i < n; i++) {
      if (events[i].data.ptr) serve(events[i].data.ptr);
      else greet(listener, poll_fd);
    }
    if (distinct != shown && now() - told > 0.05) {
      printf("%ld\n", shown = distinct);
      fflush(stdout);
      told = now();
    }
  }
}

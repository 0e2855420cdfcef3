/* The load: sends numbered messages to one SMTP server, over kept or new connections, in clear or over
   STARTTLS, as fast as it goes or at a steady rate. One thread, epoll; commands one after the other, as
   smtp-source does. A TLS connection is a full handshake each time: no ticket, no resumed session.

   client PORT FIRST COUNT SECONDS SESSIONS BYTES KEEP TLS RATE LOG [FILE]
     FIRST  number of the first message; they count up from there
     COUNT  so many messages at most
     SECONDS  begin no message after so long, and wait for what was begun; 0 until COUNT
     KEEP   1 many messages over a connection, 0 one
     TLS    1 STARTTLS, 0 clear
     RATE   messages a second, begun by the clock and not by the answers; 0 as fast as it goes
     LOG    file: one line a message, "number due end reply code", times in seconds of CLOCK_MONOTONIC;
            end is when the last byte of the content was handed to the socket; code 0: the connection broke
     FILE   content to send in place of one that is made up, line ends LF; BYTES is then of no use
   Prints one line of JSON at the end. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

enum State { CLOSED, IDLE, GREETING, HELLO, STARTTLS, HANDSHAKE, MAIL, RCPT, DATA, CONTENT, ANSWER, QUIT };

/* So many seconds without an answer to any message, and it gives up: what is open counts as broken. */
enum { STILL = 30 };

typedef struct {
  int fd, id, writing;
  enum State state;
  SSL *ssl;
  char out[512], in[4096];
  int out_length, out_done, in_length;
  size_t content_done;
} Session;

typedef struct { double due, end, reply; int code; } Message;

static int port, count, sessions, keep, tls, next_message, finished, broken, refused, accepted, poll_fd;
static int free_count;
static long first;
static double rate, began, seconds;
static char *content;
static size_t content_length;
static Session *all, **unused;
static Message *messages;
static SSL_CTX *context;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void fail(const char *what) {
  perror(what);
  exit(2);
}

/* -------- content -------- */

static void make_content(int bytes) {
  content = malloc(bytes + 400);
  char *p = content + sprintf(content, "From: <sender@trust.nhs.test>\r\nTo: <rcpt@secure.test>\r\nSubject: load\r\n"
                                       "Date: Sun, 22 Nov 2026 03:00:00 +0000\r\n\r\n");
  while (p - content < bytes - 80) {
    memset(p, 'X', 76);
    memcpy(p + 76, "\r\n", 2);
    p += 78;
  }
  content_length = p + sprintf(p, ".\r\n") - content;
}

/* RFC 5321 4.5.2: a dot that begins a line is doubled. */
static void read_content(const char *path) {
  FILE *f = fopen(path, "r");
  if (!f) fail(path);
  static char line[65536];
  size_t room = 0;
  while (fgets(line, sizeof line, f)) {
    size_t n = strcspn(line, "\r\n");
    if (content_length + n + 8 > room) content = realloc(content, room = (room + n) * 2 + 65536);
    if (*line == '.') content[content_length++] = '.';
    memcpy(content + content_length, line, n);
    memcpy(content + content_length + n, "\r\n", 2);
    content_length += n + 2;
  }
  memcpy(content + content_length, ".\r\n", 3);
  content_length += 3;
  fclose(f);
}

/* -------- sessions -------- */

static void watch(Session *s, int writing) {
  if (s->writing == writing) return;
  s->writing = writing;
  struct epoll_event e = {.events = EPOLLIN | (writing ? EPOLLOUT : 0), .data.ptr = s};
  epoll_ctl(poll_fd, EPOLL_CTL_MOD, s->fd, &e);
}

static void end_message(Session *s, int code) {
  if (s->id < 0) return;
  messages[s->id].reply = now();
  messages[s->id].code = code;
  if (code == 250) accepted++;
  else if (code) refused++;
  else broken++;
  s->id = -1;
  finished++;
}

static void hang_up(Session *s) {
  if (s->state == CLOSED) return;
  if (s->ssl) SSL_free(s->ssl);
  s->ssl = NULL;
  close(s->fd);
  end_message(s, 0);
  if (s->state != IDLE) unused[free_count++] = s;
  s->state = CLOSED;
}

static void say(Session *s, enum State state, const char *text) {
  s->state = state;
  s->out_length = sprintf(s->out, "%s", text);
  s->out_done = 0;
}

static void dial(Session *s) {
  int one = 1;
  s->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
  if (s->fd < 0) fail("socket");
  setsockopt(s->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  s->state = GREETING;
  s->out_length = s->out_done = s->in_length = s->writing = 0;
  if (connect(s->fd, (void *)&to, sizeof to) && errno != EINPROGRESS) fail("connect");
  struct epoll_event e = {.events = EPOLLIN, .data.ptr = s};
  epoll_ctl(poll_fd, EPOLL_CTL_ADD, s->fd, &e);
}

/* -1 broken, 0 would wait, otherwise bytes */
static int result(Session *s, int n) {
  if (n > 0) return n;
  if (!s->ssl || s->state == STARTTLS) return n < 0 && (errno == EAGAIN || errno == ENOTCONN) ? 0 : -1;
  int why = SSL_get_error(s->ssl, n);
  return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? 0 : -1;
}

static int put(Session *s, const char *p, size_t n) {
  return result(s, s->ssl ? SSL_write(s->ssl, p, n > 16384 ? 16384 : n) : send(s->fd, p, n, MSG_NOSIGNAL));
}

/* Writes what there is; false when the connection broke. */
static int flush(Session *s) {
  while (s->out_done < s->out_length) {
    int n = put(s, s->out + s->out_done, s->out_length - s->out_done);
    if (n < 0) return 0;
    if (n == 0) return watch(s, 1), 1;
    s->out_done += n;
  }
  while (s->state == CONTENT && s->content_done < content_length) {
    int n = put(s, content + s->content_done, content_length - s->content_done);
    if (n < 0) return 0;
    if (n == 0) return watch(s, 1), 1;
    s->content_done += n;
  }
  if (s->state == CONTENT) {
    messages[s->id].end = now();
    s->state = ANSWER;
  }
  watch(s, 0);
  return 1;
}

static void start_tls(Session *s) {
  s->ssl = SSL_new(context);
  SSL_set_fd(s->ssl, s->fd);
  SSL_set_connect_state(s->ssl);
  s->state = HANDSHAKE;
}

/* False when the connection broke. */
static int handshake(Session *s) {
  int n = SSL_do_handshake(s->ssl);
  if (n != 1) {
    int why = SSL_get_error(s->ssl, n);
    watch(s, why == SSL_ERROR_WANT_WRITE);
    return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE;
  }
  say(s, HELLO, "EHLO load.test\r\n");
  return flush(s);
}

static int due_now(void) {
  if (seconds && next_message < count && now() - began >= seconds) count = next_message;
  if (next_message >= count) return 0;
  return rate == 0 || now() >= began + next_message / rate;
}

/* Gives the session its next message, or lets it wait. */
static int take(Session *s) {
  if (s->id < 0) {
    if (!due_now()) {
      s->state = IDLE;
      unused[free_count++] = s;
      return 1;
    }
    s->id = next_message++;
    messages[s->id].due = rate ? began + s->id / rate : now();
  }
  say(s, MAIL, "MAIL FROM:<sender@trust.nhs.test>\r\n");
  return flush(s);
}

static void begin_content(Session *s) {
  s->content_done = 0;
  s->out_length = sprintf(s->out, "X-Load-Id: %010ld\r\n", first + s->id);
  s->out_done = 0;
  s->state = CONTENT;
}

/* One whole reply; false hangs up. */
static int reply(Session *s, int code) {
  static const int wanted[] = {[GREETING] = 220, [HELLO] = 250, [STARTTLS] = 220, [MAIL] = 250, [RCPT] = 250, [DATA] = 354};
  if (s->state == QUIT || s->state == IDLE) return 0;
  if (s->state == ANSWER) {
    end_message(s, code);
    if (keep) return take(s);
    say(s, QUIT, "QUIT\r\n");
    return flush(s);
  }
  if (s->state >= CONTENT || code != wanted[s->state]) {
    end_message(s, code);
    return 0;
  }
  switch (s->state) {
    case GREETING: say(s, HELLO, "EHLO load.test\r\n"); break;
    case HELLO:
      if (!tls || s->ssl) return take(s);
      say(s, STARTTLS, "STARTTLS\r\n");
      break;
    case STARTTLS: start_tls(s); return handshake(s);
    case MAIL: say(s, RCPT, "RCPT TO:<rcpt@secure.test>\r\n"); break;
    case RCPT: say(s, DATA, "DATA\r\n"); break;
    default: begin_content(s);
  }
  return flush(s);
}

/* Reads and answers all that has come; false when the connection broke. */
static int receive(Session *s) {
  for (;;) {
    if (s->state == HANDSHAKE) return handshake(s);
    char *to = s->in + s->in_length;
    int room = sizeof s->in - s->in_length;
    if (room == 0) return 0;
    int n = result(s, s->ssl ? SSL_read(s->ssl, to, room) : recv(s->fd, to, room, 0));
    if (n < 0) return 0;
    if (n == 0) return 1;
    s->in_length += n;
    char *line = s->in, *end;
    int left = s->in_length;
    while ((end = memchr(line, '\n', left))) {
      int last = end - line < 4 || line[3] != '-', code = atoi(line);
      left -= end + 1 - line;
      line = end + 1;
      if (last && !reply(s, code)) return 0;
    }
    memmove(s->in, line, left);
    s->in_length = left;
  }
}

/* Puts sessions that have nothing to do to work, as far as messages are due. */
static void employ(void) {
  while (free_count > 0 && due_now()) {
    Session *s = unused[--free_count];
    if (s->state == IDLE) {
      if (!take(s)) hang_up(s);
      continue;
    }
    dial(s);
    s->id = next_message++;
    messages[s->id].due = rate ? began + s->id / rate : now();
  }
}

static int patience(void) {
  if (rate == 0 || next_message >= count || free_count == 0) return 200;
  double wait = began + next_message / rate - now();
  return wait <= 0 ? 0 : wait * 1000 + 1;
}

static void report(const char *log, double ended) {
  FILE *f = fopen(log, "w");
  if (!f) fail(log);
  for (int i = 0; i < next_message; i++)
    fprintf(f, "%ld %.6f %.6f %.6f %d\n", first + i, messages[i].due, messages[i].end, messages[i].reply, messages[i].code);
  if (fclose(f)) fail(log);
  struct rusage u;
  getrusage(RUSAGE_SELF, &u);
  double cpu = u.ru_utime.tv_sec + u.ru_stime.tv_sec + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
  printf("{\"accepted\":%d,\"refused\":%d,\"broken\":%d,\"began\":%.6f,\"ended\":%.6f,\"cpuSeconds\":%.3f}\n", accepted,
         refused, broken, began, ended, cpu);
}

static void set_up_tls(void) {
  context = SSL_CTX_new(TLS_client_method());
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_options(context, SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(context, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
}

int main(int argc, char **v) {
  if (argc < 11) {
    fprintf(stderr, "usage: client PORT FIRST COUNT SECONDS SESSIONS BYTES KEEP TLS RATE LOG [FILE]\n");
    return 2;
  }
  signal(SIGPIPE, SIG_IGN);
  port = atoi(v[1]), first = atol(v[2]), count = atoi(v[3]), seconds = atof(v[4]), sessions = atoi(v[5]);
  keep = atoi(v[7]), tls = atoi(v[8]), rate = atof(v[9]);
  if (argc > 11) read_content(v[11]);
  else make_content(atoi(v[6]));
  if (tls) set_up_tls();
  messages = calloc(count, sizeof *messages);
  all = calloc(sessions, sizeof *all);
  unused = calloc(sessions, sizeof *unused);
  for (int i = 0; i < sessions; i++) {
    all[i].id = -1;
    unused[free_count++] = &all[i];
  }
  poll_fd = epoll_create1(0);
  began = now();
  struct epoll_event events[256];
  int known = 0;
  double moved = began;
  while (finished < count) {
    if (finished != known) known = finished, moved = now();
    if (now() - moved > STILL) break;
    employ();
    int n = epoll_wait(poll_fd, events, 256, patience());
    for (int i = 0; i < n; i++) {
      Session *s = events[i].data.ptr;
      if (s->state == CLOSED) continue;
      int good = 1;
      if (events[i].events & EPOLLOUT) good = s->state == HANDSHAKE ? handshake(s) : flush(s);
      if (good && events[i].events & (EPOLLIN | EPOLLHUP | EPOLLERR)) good = receive(s);
      if (!good) hang_up(s);
    }
  }
  report(v[10], now());
  return 0;
}

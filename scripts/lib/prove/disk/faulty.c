/*
 * Makes a disk fail under a process: loaded with LD_PRELOAD, it lets calls on files below
 * POSTERN_FAULT_PATH fail as the file POSTERN_FAULT_FILE says, which may change at any time:
 *
 *   MODE PER_THOUSAND
 *
 * MODE: full (writing: ENOSPC), write (writing: EIO), sync (fsync: EIO), read (reading: EIO),
 * readonly (whatever changes a file: EROFS), none. Each call fails with that many chances in a thousand.
 *
 * Instead of by chance, calls can fail by their number. Then each call of a sort (0 what changes a file, 1 syncs,
 * 2 reads) is counted, and those of the mode's sort fail that are numbered FROM and following, LENGTH of them:
 *
 *   byte 0 MODE, 1-2 PER_THOUSAND, 3 whether calls are counted, 8 calls that failed, 12 FROM, 16 LENGTH,
 *   20 24 28 the numbers of the last calls of the three sorts, 512 the name and path of the first call that failed
 *
 * It knows which descriptors are meant by the path they have in /proc/self/fd.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

enum { NONE, FULL, WRITE, SYNC, READ, READONLY };
enum { CHANGES, SYNCS, READS };
static volatile unsigned char *control;
static const char *prefix;
static __thread unsigned seed;

static unsigned *number(int at) { return (unsigned *)(control + at); }

__attribute__((constructor)) static void start(void) {
  const char *file = getenv("POSTERN_FAULT_FILE");
  prefix = getenv("POSTERN_FAULT_PATH");
  if (!file || !prefix) return;
  int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
  int fd = real(file, O_RDWR | O_CLOEXEC);
  if (fd < 0) return;
  void *found = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (found != MAP_FAILED) control = found;
}

static int chance(void) {
  if (!seed) seed = (unsigned)(size_t)&seed ^ (unsigned)getpid();
  return rand_r(&seed) % 1000 < (control[1] | control[2] << 8);
}

/* Whether it is this call's turn. */
static int turn(unsigned count) {
  if (!control[3]) return chance();
  return count >= *number(12) && count - *number(12) < *number(16);
}

static int ours(int fd, char *path, size_t size) {
  char link[64];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, size - 1);
  if (n <= 0) return 0;
  path[n] = 0;
  return !strncmp(path, prefix, strlen(prefix));
}

/* What a call that does this must fail with; 0: it may go on. */
static int error_of(int sort) {
  switch (control[0]) {
    case FULL: return sort == CHANGES ? ENOSPC : 0;
    case WRITE: return sort == CHANGES ? EIO : 0;
    case SYNC: return sort == SYNCS ? EIO : 0;
    case READ: return sort == READS ? EIO : 0;
    case READONLY: return sort == CHANGES ? EROFS : 0;
    default: return 0;
  }
}

static int fault(int sort, const char *name, const char *path) {
  unsigned count = control[3] ? __atomic_add_fetch(number(20 + 4 * sort), 1, __ATOMIC_RELAXED) : 0;
  int e = error_of(sort);
  if (!e || !turn(count)) return 0;
  /* How many calls were made to fail: a shim that nobody calls proves nothing. */
  if (!__atomic_fetch_add(number(8), 1, __ATOMIC_RELAXED)) snprintf((char *)control + 512, 1024, "%s %s", name, path);
  return e;
}

static int idle(void) { return !control || (control[0] == NONE && !control[3]); }

static int fd_fault(int fd, int sort, const char *name) {
  char path[4096];
  return idle() || !ours(fd, path, sizeof path) ? 0 : fault(sort, name, path);
}

static int path_fault(const char *path, const char *name) {
  return idle() || strncmp(path, prefix, strlen(prefix)) ? 0 : fault(CHANGES, name, path);
}

#define REAL(type, name, ...) static type (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, #name)
#define FAIL(number) do { int e = (number); if (e) { errno = e; return -1; } } while (0)

ssize_t write(int fd, const void *b, size_t n) { REAL(ssize_t, write, int, const void *, size_t); FAIL(fd_fault(fd, CHANGES, __func__)); return real(fd, b, n); }
ssize_t pwrite(int fd, const void *b, size_t n, off_t o) { REAL(ssize_t, pwrite, int, const void *, size_t, off_t); FAIL(fd_fault(fd, CHANGES, __func__)); return real(fd, b, n, o); }
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t o) { REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t); FAIL(fd_fault(fd, CHANGES, __func__)); return real(fd, b, n, o); }
ssize_t writev(int fd, const struct iovec *v, int n) { REAL(ssize_t, writev, int, const struct iovec *, int); FAIL(fd_fault(fd, CHANGES, __func__)); return real(fd, v, n); }
ssize_t pwritev(int fd, const struct iovec *v, int n, off_t o) { REAL(ssize_t, pwritev, int, const struct iovec *, int, off_t); FAIL(fd_fault(fd, CHANGES, __func__)); return real(fd, v, n, o); }
ssize_t pwritev64(int fd, const struct iovec *v, int n, off64_t o) { REAL(ssize_t, pwritev64, int, const struct iovec *, int, off64_t); FAIL(fd_fault(fd, CHANGES, __func__)); return real(fd, v, n, o); }
ssize_t read(int fd, void *b, size_t n) { REAL(ssize_t, read, int, void *, size_t); FAIL(fd_fault(fd, READS, __func__)); return real(fd, b, n); }
ssize_t pread(int fd, void *b, size_t n, off_t o) { REAL(ssize_t, pread, int, void *, size_t, off_t); FAIL(fd_fault(fd, READS, __func__)); return real(fd, b, n, o); }
ssize_t pread64(int fd, void *b, size_t n, off64_t o) { REAL(ssize_t, pread64, int, void *, size_t, off64_t); FAIL(fd_fault(fd, READS, __func__)); return real(fd, b, n, o); }
int fsync(int fd) { REAL(int, fsync, int); FAIL(fd_fault(fd, SYNCS, __func__)); return real(fd); }
int fdatasync(int fd) { REAL(int, fdatasync, int); FAIL(fd_fault(fd, SYNCS, __func__)); return real(fd); }
int ftruncate(int fd, off_t n) { REAL(int, ftruncate, int, off_t); FAIL(fd_fault(fd, CHANGES, __func__)); return real(fd, n); }
int ftruncate64(int fd, off64_t n) { REAL(int, ftruncate64, int, off64_t); FAIL(fd_fault(fd, CHANGES, __func__)); return real(fd, n); }
int fallocate(int fd, int m, off_t o, off_t n) { REAL(int, fallocate, int, int, off_t, off_t); FAIL(fd_fault(fd, CHANGES, __func__)); return real(fd, m, o, n); }
int mkdir(const char *p, mode_t m) { REAL(int, mkdir, const char *, mode_t); FAIL(path_fault(p, __func__)); return real(p, m); }
int rename(const char *p, const char *q) { REAL(int, rename, const char *, const char *); FAIL(path_fault(q, __func__)); return real(p, q); }

/* Removing needs no space, but a disk that can be changed. */
int unlink(const char *p) { REAL(int, unlink, const char *); if (control && control[0] != FULL) FAIL(path_fault(p, __func__)); return real(p); }

/* What SQLite's processes share. There is no such error as a full disk here. */
void *mmap64(void *at, size_t n, int prot, int flags, int fd, off64_t o) {
  REAL(void *, mmap64, void *, size_t, int, int, int, off64_t);
  if (fd >= 0 && prot & PROT_WRITE && flags & MAP_SHARED && fd_fault(fd, CHANGES, __func__)) { errno = ENOMEM; return MAP_FAILED; }
  return real(at, n, prot, flags, fd, o);
}

#define OPEN(name) \
  int name(const char *p, int flags, ...) { \
    REAL(int, name, const char *, int, ...); \
    va_list rest; va_start(rest, flags); mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; va_end(rest); \
    if (flags & O_CREAT && access(p, F_OK)) FAIL(path_fault(p, __func__)); \
    else if (control && control[0] == READONLY && flags & (O_WRONLY | O_RDWR)) FAIL(path_fault(p, __func__)); \
    return real(p, flags, mode); \
  }
OPEN(open)
OPEN(open64)

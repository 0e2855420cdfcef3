/*
 * Makes a disk fail under a process: loaded with LD_PRELOAD, it lets calls on files below
 * POSTERN_FAULT_PATH fail as the file POSTERN_FAULT_FILE says, which may change at any time:
 *
 *   MODE PER_THOUSAND
 *
 * MODE: full (writing: ENOSPC), write (writing: EIO), sync (fsync: EIO), read (reading: EIO),
 * readonly (whatever changes a file: EROFS), none. Each call fails with that many chances in a thousand.
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
static volatile unsigned char *control; /* mode, then the chance in two bytes */
static const char *prefix;
static __thread unsigned seed;

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
  if (rand_r(&seed) % 1000 >= (control[1] | control[2] << 8)) return 0;
  /* How many calls were made to fail: a shim that nobody calls proves nothing. */
  __atomic_fetch_add((unsigned *)(control + 8), 1, __ATOMIC_RELAXED);
  return 1;
}

static int ours(int fd) {
  char link[64], path[4096];
  snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
  ssize_t n = readlink(link, path, sizeof path - 1);
  return n > 0 && !strncmp(path, prefix, strlen(prefix));
}

/* What a call that does this must fail with; 0: it may go on. */
static int fault(int is_write, int is_sync) {
  switch (control ? control[0] : NONE) {
    case FULL: return is_write && !is_sync && chance() ? ENOSPC : 0;
    case WRITE: return is_write && !is_sync && chance() ? EIO : 0;
    case SYNC: return is_sync && chance() ? EIO : 0;
    case READ: return !is_write && !is_sync && chance() ? EIO : 0;
    case READONLY: return is_write && !is_sync && chance() ? EROFS : 0;
    default: return 0;
  }
}

static int fd_fault(int fd, int is_write, int is_sync) {
  if (!control || control[0] == NONE || !ours(fd)) return 0;
  return fault(is_write, is_sync);
}

static int path_fault(const char *path) {
  if (!control || control[0] == NONE || strncmp(path, prefix, strlen(prefix))) return 0;
  return control[0] == FULL || control[0] == READONLY || control[0] == WRITE ? fault(1, 0) : 0;
}

#define REAL(type, name, ...) static type (*real)(__VA_ARGS__); if (!real) real = dlsym(RTLD_NEXT, #name)
#define FAIL(number) do { int e = (number); if (e) { errno = e; return -1; } } while (0)

ssize_t write(int fd, const void *b, size_t n) { REAL(ssize_t, write, int, const void *, size_t); FAIL(fd_fault(fd, 1, 0)); return real(fd, b, n); }
ssize_t pwrite(int fd, const void *b, size_t n, off_t o) { REAL(ssize_t, pwrite, int, const void *, size_t, off_t); FAIL(fd_fault(fd, 1, 0)); return real(fd, b, n, o); }
ssize_t pwrite64(int fd, const void *b, size_t n, off64_t o) { REAL(ssize_t, pwrite64, int, const void *, size_t, off64_t); FAIL(fd_fault(fd, 1, 0)); return real(fd, b, n, o); }
ssize_t writev(int fd, const struct iovec *v, int n) { REAL(ssize_t, writev, int, const struct iovec *, int); FAIL(fd_fault(fd, 1, 0)); return real(fd, v, n); }
ssize_t pwritev(int fd, const struct iovec *v, int n, off_t o) { REAL(ssize_t, pwritev, int, const struct iovec *, int, off_t); FAIL(fd_fault(fd, 1, 0)); return real(fd, v, n, o); }
ssize_t read(int fd, void *b, size_t n) { REAL(ssize_t, read, int, void *, size_t); FAIL(fd_fault(fd, 0, 0)); return real(fd, b, n); }
ssize_t pread(int fd, void *b, size_t n, off_t o) { REAL(ssize_t, pread, int, void *, size_t, off_t); FAIL(fd_fault(fd, 0, 0)); return real(fd, b, n, o); }
ssize_t pread64(int fd, void *b, size_t n, off64_t o) { REAL(ssize_t, pread64, int, void *, size_t, off64_t); FAIL(fd_fault(fd, 0, 0)); return real(fd, b, n, o); }
int fsync(int fd) { REAL(int, fsync, int); FAIL(fd_fault(fd, 1, 1)); return real(fd); }
int fdatasync(int fd) { REAL(int, fdatasync, int); FAIL(fd_fault(fd, 1, 1)); return real(fd); }
int ftruncate(int fd, off_t n) { REAL(int, ftruncate, int, off_t); FAIL(fd_fault(fd, 1, 0)); return real(fd, n); }
int ftruncate64(int fd, off64_t n) { REAL(int, ftruncate64, int, off64_t); FAIL(fd_fault(fd, 1, 0)); return real(fd, n); }
int mkdir(const char *p, mode_t m) { REAL(int, mkdir, const char *, mode_t); FAIL(path_fault(p)); return real(p, m); }
int unlink(const char *p) { REAL(int, unlink, const char *); if (control && control[0] == READONLY) FAIL(path_fault(p)); return real(p); }

#define OPEN(name) \
  int name(const char *p, int flags, ...) { \
    REAL(int, name, const char *, int, ...); \
    va_list rest; va_start(rest, flags); mode_t mode = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0; va_end(rest); \
    if (flags & O_CREAT && access(p, F_OK)) FAIL(path_fault(p)); \
    else if (control && control[0] == READONLY && flags & (O_WRONLY | O_RDWR)) FAIL(path_fault(p)); \
    return real(p, flags, mode); \
  }
OPEN(open)
OPEN(open64)

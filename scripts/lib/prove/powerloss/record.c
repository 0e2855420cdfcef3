/*
 * Loaded with LD_PRELOAD before a daemon: writes down, in order, every change that it makes to files
 * below a folder, each sync, and the two moments that count: when "250 … queued as ID" is handed to a
 * socket, and when a next hop's "taken TOKEN" is read from one. From that trace `states.ts` builds what
 * a disk may hold when the power fails.
 *
 *   RECORD_TRACE  the trace: a file on tmpfs, made by `trace.ts` with its header, mapped by each process
 *   RECORD_ROOT   the folder, absolute
 *   RECORD_LIE    "files", "folders" or "all": syncs of these say that they were done and do nothing.
 *                 A harness that finds no loss then is blind.
 *   CLOCK_OFFSET  a file of eight bytes: milliseconds to add to the wall clock. The monotonic clock is
 *                 left alone, as when an operator or NTP sets a clock.
 *
 * Order. A change is written down once the call has returned; a sync when it begins and again once it
 * has returned, and covers what was written down before it began; "queued as" before the call. So a
 * change counts as synced only if it surely was before the reply could be sent.
 *
 * libuv and SQLite go through libc's functions, libuv for some calls through its `syscall`, all of which
 * are taken over here. What would escape the trace (a writable mapping, sendfile, O_SYNC and so on) is
 * written down as unknown, and the harness refuses such a trace. The `-shm` of SQLite is mapped and
 * thrown away: every start rebuilds it.
 */
#define _GNU_SOURCE
#undef _FILE_OFFSET_BITS
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

enum kind {
  OPENED = 1, WRITTEN, CUT, SYNC_BEGIN, SYNC_END, MADE_FOLDER, RENAMED, UNLINKED, REMOVED_FOLDER, LINKED,
  QUEUED, TAKEN, UNKNOWN, STARTED
};
enum { CREATED = 1, EMPTIED = 2, FOLDER = 4 };

struct header {
  uint64_t capacity;
  _Atomic uint64_t end;
  _Atomic uint32_t handles;
  _Atomic uint32_t overflow;
  uint64_t unused[5];
};

struct record {
  uint32_t size;
  uint32_t kind;
  uint32_t handle;
  uint32_t length;
  uint64_t offset;
  uint64_t extra;
};

#define DESCRIPTORS 65536
#define SHM_HANDLE UINT32_MAX

static struct header *trace;
static char root[4096];
static size_t root_length;
static int lie_files, lie_folders;
static volatile int64_t *clock_offset;
static _Atomic uint32_t handle_of[DESCRIPTORS];
static _Atomic unsigned char is_folder[DESCRIPTORS];

static long (*next_syscall)(long, ...);
static int (*next_clock)(clockid_t, struct timespec *);

static long raw(long number, long a, long b, long c, long d, long e, long f) {
  if (next_syscall == NULL) next_syscall = (long (*)(long, ...))dlsym(RTLD_NEXT, "syscall");
  return next_syscall(number, a, b, c, d, e, f);
}
#define RAW(number, a, b, c, d, e, f) \
  raw(number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))

static void *map_file(const char *path, size_t length) {
  int fd = (int)RAW(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0, 0, 0);
  if (fd < 0) return NULL;
  if (length == 0) {
    struct stat about;
    if (fstat(fd, &about) == 0) length = (size_t)about.st_size;
  }
  void *found = (void *)RAW(SYS_mmap, NULL, length, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  RAW(SYS_close, fd, 0, 0, 0, 0, 0);
  return found == MAP_FAILED ? NULL : found;
}

static uint64_t put(enum kind kind, uint32_t handle, uint64_t offset, uint64_t extra, const struct iovec *parts,
                    int count, size_t length) {
  uint64_t size = (sizeof(struct record) + length + 7) & ~(uint64_t)7;
  uint64_t at = atomic_fetch_add(&trace->end, size);
  if (at + size > trace->capacity) {
    atomic_store(&trace->overflow, 1);
    return at;
  }
  /* The size first and the kind last: a process that is killed in between leaves a record that can be passed over */
  volatile struct record *record = (volatile struct record *)((char *)trace + at);
  record->size = (uint32_t)size;
  char *to = (char *)trace + at + sizeof(struct record);
  size_t left = length;
  for (int i = 0; i < count && left > 0; i++) {
    size_t part = parts[i].iov_len < left ? parts[i].iov_len : left;
    memcpy(to, parts[i].iov_base, part);
    to += part;
    left -= part;
  }
  record->handle = handle;
  record->length = (uint32_t)length;
  record->offset = offset;
  record->extra = extra;
  atomic_thread_fence(memory_order_release);
  record->kind = kind;
  return at;
}

static uint64_t note(enum kind kind, uint32_t handle, uint64_t offset, uint64_t extra, const void *data,
                     size_t length) {
  struct iovec part = {(void *)data, length};
  return put(kind, handle, offset, extra, &part, 1, length);
}

static void unknown(const char *what) {
  if (trace != NULL) note(UNKNOWN, 0, 0, 0, what, strlen(what));
}

__attribute__((constructor)) static void begin(void) {
  const char *path = getenv("CLOCK_OFFSET");
  if (path != NULL) clock_offset = map_file(path, 8);
  const char *file = getenv("RECORD_TRACE"), *folder = getenv("RECORD_ROOT"), *lie = getenv("RECORD_LIE");
  if (file == NULL || folder == NULL || strlen(folder) >= sizeof root) return;
  strcpy(root, folder);
  root_length = strlen(root);
  if (lie != NULL) {
    lie_files = strcmp(lie, "folders") != 0;
    lie_folders = strcmp(lie, "files") != 0;
  }
  struct header *found = map_file(file, 0);
  if (found == NULL) abort();
  trace = found;
  note(STARTED, 0, 0, (uint64_t)getpid(), NULL, 0);
}

/* The path below the root, or NULL. */
static const char *inside(const char *path) {
  if (trace == NULL || path == NULL || strncmp(path, root, root_length) != 0) return NULL;
  if (path[root_length] == 0) return "";
  return path[root_length] == '/' ? path + root_length + 1 : NULL;
}

static int ends_with(const char *text, const char *end) {
  size_t a = strlen(text), b = strlen(end);
  return a >= b && strcmp(text + a - b, end) == 0;
}

static uint32_t handle(int fd) {
  uint32_t found = fd >= 0 && fd < DESCRIPTORS ? atomic_load(&handle_of[fd]) : 0;
  return found == SHM_HANDLE ? 0 : found;
}

/* --- names ---------------------------------------------------------------------------------------- */

static int do_open(int at, const char *path, int flags, int mode) {
  const char *name = inside(path);
  if (name == NULL) {
    if (trace != NULL && path != NULL && path[0] != '/' && (flags & (O_WRONLY | O_RDWR))) unknown("a relative path");
    return (int)RAW(SYS_openat, at, path, flags, mode, 0, 0);
  }
  int existed = RAW(SYS_faccessat, AT_FDCWD, path, F_OK, 0, 0, 0) == 0;
  int fd = (int)RAW(SYS_openat, at, path, flags, mode, 0, 0);
  if (fd < 0) return fd;
  int error = errno;
  struct stat about;
  int folder = fstat(fd, &about) == 0 && S_ISDIR(about.st_mode);
  if (fd >= DESCRIPTORS) unknown("a descriptor beyond the table");
  else if (!folder && !S_ISREG(about.st_mode)) atomic_store(&handle_of[fd], 0);
  else if (ends_with(name, "-shm")) atomic_store(&handle_of[fd], SHM_HANDLE);
  else {
    uint32_t made = atomic_fetch_add(&trace->handles, 1) + 1;
    uint64_t how = (!existed ? CREATED : 0) | ((flags & O_TRUNC) && existed ? EMPTIED : 0) | (folder ? FOLDER : 0);
    if ((flags & O_DSYNC) == O_DSYNC) unknown("O_SYNC or O_DSYNC");
    note(OPENED, made, 0, how, name, strlen(name));
    atomic_store(&is_folder[fd], (unsigned char)folder);
    atomic_store(&handle_of[fd], made);
  }
  errno = error;
  return fd;
}

#define MODE_OF(flags) \
  int mode = 0; \
  if ((flags) & (O_CREAT | __O_TMPFILE)) { \
    va_list rest; \
    va_start(rest, flags); \
    mode = va_arg(rest, int); \
    va_end(rest); \
  }
int open(const char *path, int flags, ...) { MODE_OF(flags) return do_open(AT_FDCWD, path, flags, mode); }
int open64(const char *path, int flags, ...) { MODE_OF(flags) return do_open(AT_FDCWD, path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { MODE_OF(flags) return do_open(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { MODE_OF(flags) return do_open(at, path, flags, mode); }
int creat(const char *path, mode_t mode) { return do_open(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, (int)mode); }
int creat64(const char *path, mode_t mode) { return creat(path, mode); }

static int do_close(int fd) {
  if (fd >= 0 && fd < DESCRIPTORS) atomic_store(&handle_of[fd], 0);
  return (int)RAW(SYS_close, fd, 0, 0, 0, 0, 0);
}
int close(int fd) { return do_close(fd); }

static void note_name(enum kind kind, const char *path) {
  const char *name = inside(path);
  if (name != NULL && !ends_with(name, "-shm")) note(kind, 0, 0, 0, name, strlen(name));
}

static void note_names(enum kind kind, const char *from, const char *to) {
  const char *a = inside(from), *b = inside(to);
  if (a == NULL && b == NULL) return;
  if (a == NULL || b == NULL) {
    unknown("a name moved into or out of the folder");
    return;
  }
  if (ends_with(a, "-shm")) return;
  struct iovec parts[2] = {{(void *)a, strlen(a) + 1}, {(void *)b, strlen(b)}};
  put(kind, 0, 0, 0, parts, 2, parts[0].iov_len + parts[1].iov_len);
}

#define AFTER(call, noting) \
  int result = (int)(call); \
  if (result == 0) { \
    noting; \
  } \
  return result;

int mkdirat(int at, const char *path, mode_t mode) {
  AFTER(RAW(SYS_mkdirat, at, path, mode, 0, 0, 0), note_name(MADE_FOLDER, path))
}
int mkdir(const char *path, mode_t mode) { return mkdirat(AT_FDCWD, path, mode); }
int renameat2(int a, const char *from, int b, const char *to, unsigned flags) {
  if (flags != 0 && inside(from) != NULL) unknown("renameat2 with flags");
  AFTER(RAW(SYS_renameat2, a, from, b, to, flags, 0), note_names(RENAMED, from, to))
}
int renameat(int a, const char *from, int b, const char *to) { return renameat2(a, from, b, to, 0); }
int rename(const char *from, const char *to) { return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0); }
int linkat(int a, const char *from, int b, const char *to, int flags) {
  AFTER(RAW(SYS_linkat, a, from, b, to, flags, 0), note_names(LINKED, from, to))
}
int link(const char *from, const char *to) { return linkat(AT_FDCWD, from, AT_FDCWD, to, 0); }
int unlinkat(int at, const char *path, int flags) {
  AFTER(RAW(SYS_unlinkat, at, path, flags, 0, 0, 0),
        note_name(flags & AT_REMOVEDIR ? REMOVED_FOLDER : UNLINKED, path))
}
int unlink(const char *path) { return unlinkat(AT_FDCWD, path, 0); }
int rmdir(const char *path) { return unlinkat(AT_FDCWD, path, AT_REMOVEDIR); }
int symlinkat(const char *target, int at, const char *path) {
  if (inside(path) != NULL) unknown("a symbolic link");
  return (int)RAW(SYS_symlinkat, target, at, path, 0, 0, 0);
}
int symlink(const char *target, const char *path) { return symlinkat(target, AT_FDCWD, path); }

/* --- bytes ---------------------------------------------------------------------------------------- */

static const char QUEUED_AS[] = "queued as ", TAKEN_AS[] = "taken ";
#define ID_LENGTH 11

/* To a socket or a pipe; log lines (standard output and error) do not count. */
static void look_for_acknowledgement(int fd, const struct iovec *parts, int count) {
  if (trace == NULL || fd <= 2) return;
  for (int i = 0; i < count; i++) {
    const char *at = parts[i].iov_base, *end = at + parts[i].iov_len;
    while ((at = memmem(at, (size_t)(end - at), QUEUED_AS, sizeof QUEUED_AS - 1)) != NULL) {
      at += sizeof QUEUED_AS - 1;
      if (end - at >= ID_LENGTH) note(QUEUED, 0, 0, 0, at, ID_LENGTH);
    }
  }
}

static void look_for_acceptance(const char *at, ssize_t length) {
  const char *end = at + length;
  while ((at = memmem(at, (size_t)(end - at), TAKEN_AS, sizeof TAKEN_AS - 1)) != NULL) {
    at += sizeof TAKEN_AS - 1;
    const char *stop = memchr(at, '\r', (size_t)(end - at));
    if (stop != NULL) note(TAKEN, 0, 0, 0, at, (size_t)(stop - at));
  }
}

static ssize_t note_write(int fd, ssize_t written, off_t offset, const struct iovec *parts, int count) {
  uint32_t which = handle(fd);
  if (which == 0 || written <= 0) return written;
  int error = errno;
  if (offset < 0) offset = (off_t)RAW(SYS_lseek, fd, 0, SEEK_CUR, 0, 0, 0) - written;
  put(WRITTEN, which, (uint64_t)offset, 0, parts, count, (size_t)written);
  errno = error;
  return written;
}

ssize_t write(int fd, const void *data, size_t length) {
  struct iovec part = {(void *)data, length};
  if (handle(fd) == 0) look_for_acknowledgement(fd, &part, 1);
  return note_write(fd, RAW(SYS_write, fd, data, length, 0, 0, 0), -1, &part, 1);
}
ssize_t writev(int fd, const struct iovec *parts, int count) {
  if (handle(fd) == 0) look_for_acknowledgement(fd, parts, count);
  return note_write(fd, RAW(SYS_writev, fd, parts, count, 0, 0, 0), -1, parts, count);
}
ssize_t pwrite64(int fd, const void *data, size_t length, off64_t offset) {
  struct iovec part = {(void *)data, length};
  return note_write(fd, RAW(SYS_pwrite64, fd, data, length, offset, 0, 0), offset, &part, 1);
}
ssize_t pwrite(int fd, const void *data, size_t length, off_t offset) { return pwrite64(fd, data, length, offset); }
ssize_t pwritev64(int fd, const struct iovec *parts, int count, off64_t offset) {
  return note_write(fd, RAW(SYS_pwritev, fd, parts, count, offset, 0, 0), offset, parts, count);
}
ssize_t pwritev(int fd, const struct iovec *parts, int count, off_t offset) {
  return pwritev64(fd, parts, count, offset);
}
ssize_t pwritev64v2(int fd, const struct iovec *parts, int count, off64_t offset, int flags) {
  if (handle(fd) != 0 && flags != 0) unknown("pwritev2 with flags");
  return pwritev64(fd, parts, count, offset);
}
ssize_t pwritev2(int fd, const struct iovec *parts, int count, off_t offset, int flags) {
  return pwritev64v2(fd, parts, count, offset, flags);
}
ssize_t sendmsg(int fd, const struct msghdr *message, int flags) {
  look_for_acknowledgement(fd, message->msg_iov, (int)message->msg_iovlen);
  return RAW(SYS_sendmsg, fd, message, flags, 0, 0, 0);
}
ssize_t send(int fd, const void *data, size_t length, int flags) {
  struct iovec part = {(void *)data, length};
  look_for_acknowledgement(fd, &part, 1);
  return RAW(SYS_sendto, fd, data, length, flags, NULL, 0);
}
ssize_t read(int fd, void *data, size_t length) {
  ssize_t got = RAW(SYS_read, fd, data, length, 0, 0, 0);
  if (trace != NULL && got > 0 && handle(fd) == 0) look_for_acceptance(data, got);
  return got;
}
ssize_t recv(int fd, void *data, size_t length, int flags) {
  ssize_t got = RAW(SYS_recvfrom, fd, data, length, flags, NULL, NULL);
  if (trace != NULL && got > 0) look_for_acceptance(data, got);
  return got;
}

static int note_length(int fd, int result, off64_t length) {
  if (result == 0 && handle(fd) != 0) note(CUT, handle(fd), (uint64_t)length, 0, NULL, 0);
  return result;
}
int ftruncate64(int fd, off64_t length) {
  return note_length(fd, (int)RAW(SYS_ftruncate, fd, length, 0, 0, 0, 0), length);
}
int ftruncate(int fd, off_t length) { return ftruncate64(fd, length); }
int truncate64(const char *path, off64_t length) {
  if (inside(path) != NULL) unknown("truncate by name");
  return (int)RAW(SYS_truncate, path, length, 0, 0, 0, 0);
}
int truncate(const char *path, off_t length) { return truncate64(path, length); }

/* --- syncs ---------------------------------------------------------------------------------------- */

static int do_sync(long number, int fd) {
  uint32_t which = handle(fd);
  if (which == 0) return (int)RAW(number, fd, 0, 0, 0, 0, 0);
  if (atomic_load(&is_folder[fd]) ? lie_folders : lie_files) return 0;
  uint64_t began = note(SYNC_BEGIN, which, 0, 0, NULL, 0);
  int result = (int)RAW(number, fd, 0, 0, 0, 0, 0);
  if (result == 0) note(SYNC_END, which, 0, began, NULL, 0);
  return result;
}
int fsync(int fd) { return do_sync(SYS_fsync, fd); }
int fdatasync(int fd) { return do_sync(SYS_fdatasync, fd); }
int syncfs(int fd) {
  unknown("syncfs");
  return (int)RAW(SYS_syncfs, fd, 0, 0, 0, 0, 0);
}
void sync(void) {
  unknown("sync");
  RAW(SYS_sync, 0, 0, 0, 0, 0, 0);
}
/* Promises nothing about metadata or the disk's cache: not counted as a sync. */
int sync_file_range(int fd, off64_t offset, off64_t length, unsigned flags) {
  return (int)RAW(SYS_sync_file_range, fd, offset, length, flags, 0, 0);
}

/* --- what would escape ---------------------------------------------------------------------------- */

int fallocate64(int fd, int mode, off64_t offset, off64_t length) {
  if (handle(fd) != 0) unknown("fallocate");
  return (int)RAW(SYS_fallocate, fd, mode, offset, length, 0, 0);
}
int fallocate(int fd, int mode, off_t offset, off_t length) { return fallocate64(fd, mode, offset, length); }
int posix_fallocate64(int fd, off64_t offset, off64_t length) {
  return fallocate64(fd, 0, offset, length) == 0 ? 0 : errno;
}
int posix_fallocate(int fd, off_t offset, off_t length) { return posix_fallocate64(fd, offset, length); }
ssize_t copy_file_range(int in, off64_t *from, int out, off64_t *to, size_t length, unsigned flags) {
  /* Refused as between two file systems, so that libuv reads and writes */
  if (handle(out) != 0) {
    errno = EXDEV;
    return -1;
  }
  return RAW(SYS_copy_file_range, in, from, out, to, length, flags);
}
ssize_t sendfile64(int out, int in, off64_t *offset, size_t length) {
  if (handle(out) != 0) {
    errno = EINVAL;
    return -1;
  }
  return RAW(SYS_sendfile, out, in, offset, length, 0, 0);
}
ssize_t sendfile(int out, int in, off_t *offset, size_t length) { return sendfile64(out, in, offset, length); }
void *mmap64(void *address, size_t length, int protection, int flags, int fd, off64_t offset) {
  if ((flags & MAP_SHARED) && (protection & PROT_WRITE) && handle(fd) != 0) unknown("a writable mapping");
  return (void *)RAW(SYS_mmap, address, length, protection, flags, fd, offset);
}
void *mmap(void *address, size_t length, int protection, int flags, int fd, off_t offset) {
  return mmap64(address, length, protection, flags, fd, offset);
}
int dup(int fd) {
  if (handle(fd) != 0) unknown("dup");
  return (int)RAW(SYS_dup, fd, 0, 0, 0, 0, 0);
}

/* libuv closes, and on some kernels copies, through this. */
long syscall(long number, ...) {
  va_list rest;
  va_start(rest, number);
  long a = va_arg(rest, long), b = va_arg(rest, long), c = va_arg(rest, long);
  long d = va_arg(rest, long), e = va_arg(rest, long), f = va_arg(rest, long);
  va_end(rest);
  switch (number) {
  case SYS_close: return do_close((int)a);
  case SYS_write: return write((int)a, (const void *)b, (size_t)c);
  case SYS_pwrite64: return pwrite64((int)a, (const void *)b, (size_t)c, d);
  case SYS_fsync:
  case SYS_fdatasync: return do_sync(number, (int)a);
  case SYS_copy_file_range: return copy_file_range((int)a, (off64_t *)b, (int)c, (off64_t *)d, (size_t)e, (unsigned)f);
  case SYS_renameat2: return renameat2((int)a, (const char *)b, (int)c, (const char *)d, (unsigned)e);
  case SYS_writev:
  case SYS_pwritev:
  case SYS_pwritev2:
  case SYS_ftruncate:
  case SYS_fallocate:
    if (handle((int)a) != 0) unknown("a system call made directly");
    break;
  /* What goes through a ring passes by libc; libuv does without one */
  case SYS_io_uring_setup:
    if (trace == NULL) break;
    errno = ENOSYS;
    return -1;
  default: break;
  }
  return raw(number, a, b, c, d, e, f);
}

/* --- the clock ------------------------------------------------------------------------------------ */

static int is_wall(clockid_t which) { return which == CLOCK_REALTIME || which == CLOCK_REALTIME_COARSE; }

int clock_gettime(clockid_t which, struct timespec *now) {
  if (next_clock == NULL) next_clock = (int (*)(clockid_t, struct timespec *))dlsym(RTLD_NEXT, "clock_gettime");
  int result = next_clock(which, now);
  if (result != 0 || clock_offset == NULL || !is_wall(which)) return result;
  int64_t shifted = now->tv_nsec + (*clock_offset % 1000) * 1000000;
  now->tv_sec += *clock_offset / 1000 + (shifted < 0 ? -1 : shifted / 1000000000);
  now->tv_nsec = shifted < 0 ? shifted + 1000000000 : shifted % 1000000000;
  return 0;
}
int gettimeofday(struct timeval *restrict now, void *restrict zone) {
  (void)zone;
  struct timespec precise;
  clock_gettime(CLOCK_REALTIME, &precise);
  *now = (struct timeval){precise.tv_sec, precise.tv_nsec / 1000};
  return 0;
}
time_t time(time_t *now) {
  struct timespec precise;
  clock_gettime(CLOCK_REALTIME, &precise);
  if (now != NULL) *now = precise.tv_sec;
  return precise.tv_sec;
}

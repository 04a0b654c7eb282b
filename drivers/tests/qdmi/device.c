/* A device of three qubits behind a QDMI library, for tests: it computes nothing, and misbehaves as the session's CUSTOM1 says.
   With OLD defined it has the functions of QDMI 1.3, else those of 1.4. Written from the headers' descriptions. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define NAME(f) TEST_QDMI_##f
#define OK 0
#define FATAL (-1)
#define OUT_OF_RANGE (-6)
#define INVALID (-7)
#define NOT_SUPPORTED (-9)
#define BAD_STATE (-10)
#define CUSTOM1 999999995

typedef struct { char fault[32]; char token[64]; int ready; } Session;
typedef struct { Session *session; char *program; int format; size_t shots; int status; } Job;

static int sites[3] = {10, 11, 13}, operations[3];

static int is(const Session *s, const char *fault) { return strcmp(s->fault, fault) == 0; }

static int give(const void *from, size_t length, size_t size, void *value, size_t *ret) {
  if (ret) *ret = length;
  if (!value) return OK;
  if (size < length) return INVALID;
  memcpy(value, from, length);
  return OK;
}
static int text(const char *words, size_t size, void *value, size_t *ret) {
  return give(words, strlen(words) + 1, size, value, ret);
}

int NAME(device_initialize)(void) { return OK; }
int NAME(device_finalize)(void) { return OK; }
int NAME(device_session_alloc)(Session **out) { *out = calloc(1, sizeof(Session)); return OK; }
void NAME(device_session_free)(Session *s) { free(s); }
int NAME(device_session_set_parameter)(Session *s, int p, size_t size, const void *value) {
  if (p == CUSTOM1 && size <= sizeof s->fault) { memcpy(s->fault, value, size); return OK; }
  if (p == 1 && size <= sizeof s->token) { memcpy(s->token, value, size); return OK; }
  return NOT_SUPPORTED;
}
int NAME(device_session_init)(Session *s) {
  if (is(s, "locked")) { fprintf(stderr, "token %s is not valid\n", s->token); return -8; }
  if (is(s, "locked-at-length")) { fprintf(stderr, "%0294d%s\n", 0, s->token); return -8; }
  if (is(s, "locked-endlessly")) { fprintf(stderr, "%s%04090d\n", s->token, 0); return -8; }
  if (is(s, "slow-to-open")) for (;;) pause();
  if (is(s, "curious")) {
    /* What the driver and its worker say to each other is nothing for a library to read. */
    char byte;
    if (read(0, &byte, 1) != 0) return FATAL;
  }
  s->ready = 1;
  return OK;
}

int NAME(device_session_query_device_property)(Session *s, int p, size_t size, void *value, size_t *ret) {
  static void *some[4];
  uint32_t formats[1] = {is(s, "iqm-json") ? 8 : 0};
  size_t three = 3;
  double scale = 0.001;
  int status = is(s, "maintenance") ? 4 : 1;
  switch (p) {
    case 0:
      if (is(s, "unended")) return give("name", 4, size, value, ret);
      return text("Test device", size, value, ret);
    case 1: return text("7", size, value, ret);
    case 2: return give(&status, sizeof status, size, value, ret);
    case 3:
#ifdef OLD
      return text(is(s, "wrong-version") ? "1.4.0" : "1.3.3", size, value, ret);
#else
      return text(is(s, "wrong-version") ? "1.3.3" : "1.4.0", size, value, ret);
#endif
    case 4: if (is(s, "no-qubits")) three = 0; return give(&three, sizeof three, size, value, ret);
    case 5:
      for (int i = 0; i < 3; i++) some[i] = &sites[i];
      if (is(s, "huge")) { if (ret) *ret = (size_t)1 << 60; return OK; }
      if (is(s, "odd")) return give(some, 23, size, value, ret);
      return give(some, 3 * sizeof(void *), size, value, ret);
    case 6:
      for (int i = 0; i < 3; i++) some[i] = &operations[i];
      return give(some, 3 * sizeof(void *), size, value, ret);
    case 7:
      some[0] = &sites[0]; some[1] = &sites[1]; some[2] = &sites[1]; some[3] = is(s, "stranger") ? s : (void *)&sites[2];
      return give(some, 4 * sizeof(void *), size, value, ret);
    case 12: return text("us", size, value, ret);
    case 13: return give(&scale, sizeof scale, size, value, ret);
    case 15: return give(formats, sizeof formats, size, value, ret);
    case 17: return give(&three, sizeof three, size, value, ret);
    default: return NOT_SUPPORTED;
  }
}

int NAME(device_session_query_site_property)(Session *s, int *site, int p, size_t size, void *value, size_t *ret) {
  size_t index = (size_t)*site;
  uint64_t t1 = 45000 + (uint64_t)*site;
  char name[16];
  switch (p) {
    case 0: return give(&index, sizeof index, size, value, ret);
    case 1: return give(&t1, sizeof t1, size, value, ret);
    case 3:
      snprintf(name, sizeof name, "QB%d", *site);
      return is(s, "iqm-json") ? text(name, size, value, ret) : NOT_SUPPORTED;
    default: return NOT_SUPPORTED;
  }
}

int NAME(device_session_query_operation_property)(Session *s, int *op, size_t count, int **on, size_t nparams,
                                                  const double *params, int p, size_t size, void *value, size_t *ret) {
  static const char *names[3] = {"r", "cz", "measure"};
  size_t which = (size_t)(op - operations), qubits = which == 1 ? 2 : 1, angles = which == 0 ? 2 : 0;
  uint64_t duration = which == 2 ? 1500 : 40;
  double fidelity = is(s, "too-good") ? 1.5 : count ? 0.99 - 0.01 * (*on[0] - 10) : 0.9;
  void *where[4] = {&sites[0], &sites[1], &sites[1], &sites[2]};
  (void)nparams; (void)params;
  switch (p) {
    case 0: return text(names[which], size, value, ret);
    case 1: return give(&qubits, sizeof qubits, size, value, ret);
    case 2: return give(&angles, sizeof angles, size, value, ret);
    case 3: return give(&duration, sizeof duration, size, value, ret);
    case 4: return give(&fidelity, sizeof fidelity, size, value, ret);
    case 9:
      if (which == 1 && is(s, "nowhere")) return give(where, 0, size, value, ret);
      if (which == 1) return give(where, sizeof where, size, value, ret);
      where[2] = &sites[2];
      return give(where, 3 * sizeof(void *), size, value, ret);
    default: return NOT_SUPPORTED;
  }
}

int NAME(device_session_create_device_job)(Session *s, Job **out) {
  *out = calloc(1, sizeof(Job));
  (*out)->session = s; (*out)->format = -1;
  return OK;
}
void NAME(device_job_free)(Job *j) { free(j->program); free(j); }

static int set_program(Job *j, const void *value, size_t size) {
  if (j->status || size == 0 || ((const char *)value)[size - 1] != 0) return j->status ? BAD_STATE : INVALID;
  free(j->program);
  j->program = malloc(size);
  memcpy(j->program, value, size);
  return OK;
}
int NAME(device_job_set_parameter)(Job *j, int p, size_t size, const void *value) {
  if (p == 2 && size == sizeof j->shots) { memcpy(&j->shots, value, size); return OK; }
#ifdef OLD
  if (p == 0 && size == sizeof j->format) { memcpy(&j->format, value, size); return OK; }
  if (p == 1) return j->format == 0 ? set_program(j, value, size) : INVALID;
#endif
  return NOT_SUPPORTED;
}
#ifndef OLD
int NAME(device_job_set_programs)(Job *j, int format, size_t count, const size_t *sizes, const void *const *programs) {
  if (format != (is(j->session, "iqm-json") ? 8 : 0) || count != 1) return NOT_SUPPORTED;
  j->format = format;
  return set_program(j, programs[0], sizes[0]);
}
#endif
int NAME(device_job_query_property)(Job *j, int p, size_t size, void *value, size_t *ret) {
  (void)j;
  return p == 0 ? text("job-1", size, value, ret) : NOT_SUPPORTED;
}
int NAME(device_job_submit)(Job *j) {
  const Session *s = j->session;
  printf("this is not for you\n");
  fflush(stdout);
  if (is(s, "abort")) { fprintf(stderr, "mirror fell off\n"); abort(); }
  if (is(s, "crash")) *(volatile int *)(uintptr_t)strlen("") = 1;
  if (is(s, "exit")) exit(3);
  if (is(s, "abort-with-child") || is(s, "child")) {
    /* As libraries do that compute in a process of their own. */
    pid_t child = fork();
    if (child == 0) { for (;;) pause(); }
    fprintf(stderr, "child %d\n", (int)child);
    if (is(s, "abort-with-child")) abort();
    j->status = 6;
    return OK;
  }
  if (is(s, "slow-submit")) usleep(1200000);
  if (is(s, "hang")) for (;;) pause();
  if (is(s, "slow-refusal")) { usleep(1200000); return BAD_STATE; }
  if (!j->program) return BAD_STATE;
  j->status = is(s, "fail") ? 6 : is(s, "never") ? 3 : is(s, "lost") ? 77 : 4;
  if (j->status == 6) fprintf(stderr, "laser is off\n");
  return OK;
}
int NAME(device_job_cancel)(Job *j) { if (j->status >= 4) return INVALID; j->status = 5; return OK; }
int NAME(device_job_check)(Job *j, int *status) {
  if (is(j->session, "deaf")) for (;;) pause();
  *status = j->status;
  return OK;
}

/* Half of the shots are all zeros, and half all ones, over as many bits as the program says. */
static int results(Job *j, int which, size_t size, void *value, size_t *ret) {
  const Session *s = j->session;
  const char *bits = strstr(j->program, "creg c[");
  size_t width = bits ? strtoul(bits + 7, NULL, 10) : 1, half = j->shots / 2;
  char keys[256];
  size_t values[2] = {j->shots - half, half};
  if (width > 100) return OUT_OF_RANGE;
  if (j->status != 4) return BAD_STATE;
  memset(keys, '0', width);
  keys[width] = ',';
  memset(keys + width + 1, is(s, "letters") ? 'x' : '1', width);
  keys[2 * width + 1] = 0;
  if (is(s, "short-key")) keys[2 * width] = 0;
  if (is(s, "more-shots")) values[0] += 1;
  if (is(s, "iqm-json")) {
    /* Two qubits, the first read as 0 and the second as 1, by the names of their sites. */
    if (!strstr(j->program, "[\"QB10\",\"QB11\"]")) return FATAL;
    strcpy(keys, "01");
    if (which == 2) return give(&j->shots, sizeof j->shots, size, value, ret);
  }
  if (is(s, "shots-only")) {
    /* 101 shots, of which the last is all ones. */
    static char shots[101 * 3];
    for (int i = 0; i < 101; i++) memcpy(shots + 3 * i, i == 100 ? "11," : "00,", 3);
    shots[302] = 0;
    return which == 0 ? text(shots, size, value, ret) : NOT_SUPPORTED;
  }
  if (which == 1) return text(keys, size, value, ret);
  if (which == 2) return give(values, is(s, "one-count") ? 8 : sizeof values, size, value, ret);
  return NOT_SUPPORTED;
}
#ifdef OLD
int NAME(device_job_get_results)(Job *j, int which, size_t size, void *value, size_t *ret) {
  return results(j, which, size, value, ret);
}
#else
int NAME(device_job_get_results)(Job *j, size_t index, int which, size_t size, void *value, size_t *ret) {
  return index == 0 ? results(j, which, size, value, ret) : OUT_OF_RANGE;
}
#endif

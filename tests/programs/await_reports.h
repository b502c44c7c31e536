// await_report of harness.h, for programs in C.
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

// Whole lines of the JSON output that have this phase.
static inline int count_reports(const char* phase) {
  char wanted[64];
  snprintf(wanted, sizeof wanted, "\"phase\":\"%s\"", phase);
  FILE* file = fopen(getenv("HOLDWATCH_JSON"), "re");
  if (file == NULL) return 0;
  int count = 0;
  char* line = NULL;
  size_t size = 0;
  ssize_t length;
  while ((length = getline(&line, &size, file)) > 0)
    if (line[length - 1] == '\n' && strstr(line, wanted) != NULL) ++count;
  free(line);
  fclose(file);
  return count;
}

// Returns once so many have come, at once where there is no watch; ends the program after a minute.
static inline void await_reports(const char* phase, int count) {
  if (getenv("HOLDWATCH_JSON") == NULL) return;
  for (int round = 0; count_reports(phase) < count; ++round) {
    if (round == 6000) {
      printf("no %d reports with phase %s within a minute\n", count, phase);
      fflush(stdout);
      _exit(1);
    }
    usleep(10 * 1000);
  }
}

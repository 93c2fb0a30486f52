// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "Execute.h"
#include <cerrno>
#include <csignal>
#include <cstring>
#include <sys/wait.h>
#include <unistd.h>

using namespace partita;
using namespace partita::conformance;

/// All that comes through a pipe until its other end is closed.
static std::string readAll(int file) {
  std::string text;
  char buffer[4096];
  while (true) {
    ssize_t count = read(file, buffer, sizeof(buffer));
    if (count > 0)
      text.append(buffer, static_cast<size_t>(count));
    else if (count == 0 || errno != EINTR)
      return text;
  }
}

Verdict conformance::executeApart(const OfficialTest &test, mlir::MLIRContext &context) {
  int ends[2];
  if (pipe(ends) != 0)
    return {Stage::import, std::string("no pipe: ") + strerror(errno)};
  pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    alarm(60);
    Verdict verdict = execute(test, context);
    // The stage as one letter, then the message.
    std::string text = std::to_string(static_cast<int>(verdict.stage)) + verdict.message;
    bool isWritten = write(ends[1], text.data(), text.size()) == static_cast<ssize_t>(text.size());
    _exit(isWritten ? 0 : 1);
  }
  close(ends[1]);
  std::string text = child > 0 ? readAll(ends[0]) : "";
  close(ends[0]);
  int status = 0;
  if (child < 0 || waitpid(child, &status, 0) != child)
    return {Stage::import, "no child process"};
  if (WIFSIGNALED(status))
    return {Stage::compiled, std::string("crash: ") + strsignal(WTERMSIG(status))};
  if (WEXITSTATUS(status) != 0 || text.empty())
    return {Stage::compiled, "the process ended with status " + std::to_string(WEXITSTATUS(status))};
  return {static_cast<Stage>(text[0] - '0'), text.substr(1)};
}

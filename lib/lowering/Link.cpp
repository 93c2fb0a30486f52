// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// Object + runtime -> executable or shared library. The C++ library is linked statically, so that the result needs
// glibc only. ld.lld is enough: start files and static libraries lie beside the runtime; else a C compiler links.
#include "ObjectWriter.h"
#include "llvm/ADT/ScopeExit.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/MemoryBuffer.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Program.h"

using namespace mlir;
using namespace partita;
using namespace partita::lowering;

/// Symbols of partita/runtime/Partita.h.
static constexpr llvm::StringLiteral kLibrarySymbols[] = {
    "partita_create",       "partita_destroy", "partita_input_count", "partita_input",
    "partita_output_count", "partita_output",  "partita_run"};

static std::string findRuntimeFolder(const EmitOptions &options) {
  if (!options.runtimeFolder.empty())
    return options.runtimeFolder;
  std::string program = llvm::sys::fs::getMainExecutable(nullptr, nullptr);
  llvm::SmallString<128> folder(llvm::sys::path::parent_path(llvm::sys::path::parent_path(program)));
  llvm::sys::path::append(folder, "lib");
  return folder.str().str();
}

/// The first of these that PATH knows.
static std::string findProgram(ArrayRef<StringRef> names) {
  for (StringRef name : names)
    if (llvm::ErrorOr<std::string> found = llvm::sys::findProgramByName(name))
      return *found;
  return "";
}

/// A shared library of the system, by its full path.
static std::string findSystemLibrary(StringRef name) {
  for (StringRef folder : {"/lib/x86_64-linux-gnu", "/lib64", "/usr/lib64", "/usr/lib/x86_64-linux-gnu", "/usr/lib"}) {
    std::string path = (folder + "/" + name).str();
    if (llvm::sys::fs::exists(path))
      return path;
  }
  return "";
}

namespace {

/// The command line of one linker.
class LinkCommand {
public:
  LinkCommand(StringRef object, const EmitOptions &options)
      : options(options), object(object.str()), folder(findRuntimeFolder(options)), support(folder + "/partita") {}

  std::string archive() const { return folder + "/libpartita-runtime.a"; }

  /// ld.lld with our own start files; empty when a part is missing.
  std::vector<std::string> forLinker() const {
    std::string libc = findSystemLibrary("libc.so.6"), libm = findSystemLibrary("libm.so.6");
    std::string loader = findSystemLibrary("ld-linux-x86-64.so.2");
    std::string begin = support + "/crtbeginS.o", end = support + "/crtendS.o";
    if (libc.empty() || libm.empty() || loader.empty() || !llvm::sys::fs::exists(begin))
      return {};
    std::vector<std::string> line = {"-o",  options.output, "--gc-sections", "--eh-frame-hdr", "-z", "relro", "-z",
                                     "now", "-z",           "noexecstack"};
    if (options.sharedLibrary)
      add(line, {"-shared"});
    else
      add(line, {"-pie", "-dynamic-linker", "/lib64/ld-linux-x86-64.so.2", support + "/Scrt1.o"});
    add(line, {support + "/crti.o", begin});
    addInputs(line, "");
    add(line, {support + "/libstdc++.a", libm, libc, support + "/libc_nonshared.a", "--as-needed", loader,
               support + "/libgcc.a", support + "/libgcc_eh.a", end, support + "/crtn.o"});
    return line;
  }

  /// A C compiler, which knows its own start files.
  std::vector<std::string> forCompiler() const {
    std::vector<std::string> line = {"-o", options.output, "-Wl,--gc-sections", "-static-libgcc"};
    add(line, {options.sharedLibrary ? "-shared" : "-pie"});
    addInputs(line, "-Wl,");
    std::string library = support + "/libstdc++.a";
    add(line, {llvm::sys::fs::exists(library) ? library : "-lstdc++", "-lm", "-lpthread"});
    return line;
  }

private:
  static void add(std::vector<std::string> &line, std::initializer_list<std::string> more) {
    line.insert(line.end(), more);
  }

  void addInputs(std::vector<std::string> &line, const std::string &prefix) const {
    line.push_back(object);
    if (options.sharedLibrary) {
      // Only the C interface leaves the library: its C++ runtime must not meet the host's.
      line.push_back(prefix + "--version-script=" + support + "/library.version");
      for (StringRef symbol : kLibrarySymbols)
        line.push_back(prefix + "--undefined=" + symbol.str());
    }
    line.push_back(archive());
  }

  const EmitOptions &options;
  std::string object, folder, support;
};

} // namespace

/// Runs a program; its error output goes into the diagnostic.
static LogicalResult run(ModuleOp module, StringRef program, const std::vector<std::string> &arguments) {
  llvm::SmallString<128> log;
  if (std::error_code error = llvm::sys::fs::createTemporaryFile("partita-link", "log", log))
    return module.emitError() << "E-BAD-FILE: no temporary file can be made: " << error.message();
  auto remove = llvm::make_scope_exit([&] { llvm::sys::fs::remove(log); });
  SmallVector<StringRef> line{program};
  llvm::append_range(line, arguments);
  std::string message;
  int status = llvm::sys::ExecuteAndWait(program, line, std::nullopt, {StringRef(""), StringRef(log), StringRef(log)},
                                         0, 0, &message);
  if (status == 0)
    return success();
  InFlightDiagnostic diagnostic = module.emitError() << "E-LINK: " << program << " failed with status " << status;
  if (auto text = llvm::MemoryBuffer::getFile(log))
    diagnostic << ": " << (*text)->getBuffer().take_front(2000).rtrim();
  return diagnostic;
}

LogicalResult lowering::link(ModuleOp module, StringRef object, const EmitOptions &options) {
  LinkCommand command(object, options);
  if (!llvm::sys::fs::exists(command.archive()))
    return module.emitError() << "E-NO-RUNTIME: '" << command.archive()
                              << "' is missing; it is built and installed beside the driver";
  std::string linker = findProgram({"ld.lld-22", "ld.lld"});
  std::vector<std::string> line = command.forLinker();
  if (!linker.empty() && !line.empty())
    return run(module, linker, line);
  std::string compiler = findProgram({"cc", "gcc", "clang", "clang-22"});
  if (compiler.empty())
    return module.emitError("E-NO-LINKER: neither ld.lld nor a C compiler was found; install one (Debian: lld-22)");
  return run(module, compiler, command.forCompiler());
}

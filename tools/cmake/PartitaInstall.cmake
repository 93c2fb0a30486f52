# What `cmake --install` copies: the driver, the runtime archive, the libraries, the headers.
include(GNUInstallDirs)

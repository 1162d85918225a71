#ifndef CLOUDSTATE_FUZZ_COVERAGE_H
#define CLOUDSTATE_FUZZ_COVERAGE_H

// Nothing to call: the linker puts the functions of this target in front of those of libFuzzer.

#endif

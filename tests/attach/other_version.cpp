// A library that looks like one of holdwatch's of another version: its control block has another size.
extern "C" __attribute__((visibility("default"))) const char holdwatch_control_block[64] = "holdwatch-block";

// Constants of many pages, for scenes that are linked by lld: see meson.build.
// Test code only.

extern const char scenes_filler[1 << 17];
[[gnu::used]] const char scenes_filler[1 << 17] = {1};

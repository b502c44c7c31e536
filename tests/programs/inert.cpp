// A preload that does nothing: what a broken build of ours could look like. See inert.py.
extern const int holdwatch_inert;
const int holdwatch_inert = 1;

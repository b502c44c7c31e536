// A shared library in C whose functions are mostly not exported: in its stripped form most addresses have no symbol.
int volatile plain_sink;

__attribute__((noinline)) static int hidden_static(int value) {
  for (int i = 0; i < value; ++i) plain_sink = i;
  return plain_sink + value;
}

__attribute__((noinline, visibility("hidden"))) int hidden_global(int value) {
  return hidden_static(value) + 1;
}

int exported_first(int value) {
  return hidden_global(value) + 2;
}

int exported_last(int value) {
  return hidden_static(value) + 3;
}

// Hand-written code as one finds it: a symbol with a type and a size, one without a size.
__asm__(
    ".text\n"
    ".type sized_asm, @function\n"
    "sized_asm: nop\n nop\n nop\n ret\n"
    ".size sized_asm, . - sized_asm\n"
    ".type sizeless_asm, @function\n"
    "sizeless_asm: nop\n nop\n nop\n ret\n"
    ".globl exported_asm\n"
    ".type exported_asm, @function\n"
    "exported_asm: ret\n"
    ".size exported_asm, . - exported_asm\n");

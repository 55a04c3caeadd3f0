/* A kernel of three functions, two of them inlined: for `kernrig decode --vmlinux`. */
static volatile int *nowhere;

static inline __attribute__((always_inline)) int innermost(int x)
{
	*nowhere = x;
	return x + 1;
}

static inline __attribute__((always_inline)) int middle(int x)
{
	return innermost(x) * 2;
}

__attribute__((noinline)) int crashes(int x)
{
	return middle(x) + 3;
}

__attribute__((noinline)) int start_kernel(int x)
{
	return crashes(x) + x;
}

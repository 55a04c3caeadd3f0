/* A payload that does what its first argument says, with nothing but system calls: it links on every host. */

static long call(long number, long a, long b, long c, long d)
{
	long answer;
	register long fourth __asm__("r10") = d;

	__asm__ volatile("syscall" : "=a"(answer)
			 : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth)
			 : "rcx", "r11", "memory");
	return answer;
}

static long length(const char *text)
{
	long n = 0;

	while (text[n])
		n++;
	return n;
}

static void say(int stream, const char *text)
{
	call(1, stream, (long)text, length(text), 0);
}

static int is(const char *a, const char *b)
{
	while (*a && *a == *b)
		a++, b++;
	return *a == *b;
}

static void leave(int code)
{
	call(231, code, 0, 0, 0);
	for (;;)
		;
}

/* One of the modules that kernrig breaks on purpose for its own self-tests. */
static void load(const char *path)
{
	static char image[4 << 20];
	long fd = call(2, (long)path, 0, 0, 0), size = 0, n;

	if (fd < 0)
		return;
	while ((n = call(0, fd, (long)image + size, sizeof image - size, 0)) > 0)
		size += n;
	call(175, (long)image, size, (long)"", 0);
}

static void panic(void)
{
	long fd = call(2, (long)"/proc/sysrq-trigger", 1, 0, 0);

	call(1, fd, (long)"c", 1, 0);
}

/* A trace that a test may leave and that dies with its VM only. */
static const char trace[] = "/proc/sys/kernel/printk_ratelimit";

static int is_marked(void)
{
	char text[8] = "";

	call(0, call(2, (long)trace, 0, 0, 0), (long)text, sizeof text - 1, 0);
	return is(text, "77\n");
}

__attribute__((used)) static void begin(long *stack)
{
	char **argv = (char **)(stack + 1);
	const char *what = argv[1] ? argv[1] : "";
	int i;

	for (i = 1; i < stack[0]; i++)
		say(1, "<"), say(1, argv[i]), say(1, ">\n");
	if (is(what, "exit"))
		leave(argv[2][0] - '0');
	if (is(what, "segv"))
		say(2, "here it comes"), *(volatile int *)8 = 1;
	if (is(what, "spin"))
		for (;;)
			;
	if (is(what, "oops")) {
		load("/faults/oops.ko");
		load("/faults/oops-stock-first.ko");
		load("/faults/oops-stock.ko");
		leave(0);
	}
	if (is(what, "panic"))
		panic();
	if (is(what, "mark"))
		leave(call(1, call(2, (long)trace, 1, 0, 0), (long)"77\n", 3, 0) != 3);
	if (is(what, "marked"))
		leave(is_marked());
	if (is(what, "daemon") && !call(57, 0, 0, 0, 0)) {
		static long ignore[4] = { 1 };

		call(112, 0, 0, 0, 0);
		call(13, 13, (long)ignore, 0, 8);
		for (;;)
			say(1, "still here\n");
	}
	if (is(what, "results"))
		say(1, "KTAP version 1\n1..2\nok 1 one\n  1..2\n  ok 1 in # SKIP no disk\n  ok 2 on\nok 2 two\n");
	if (is(what, "failed"))
		say(1, "TAP version 13\n1..2\nnot ok 1 <one>\nok 2 two\n");
	if (is(what, "short"))
		say(1, "TAP version 13\n1..2\nok 1 one\n");
	if (is(what, "flood")) {
		for (i = 0; i < 200000; i++)
			say(1, "\033[2J\001 noise noise noise noise noise noise noise noise\n");
		say(1, "KTAP version 1\n1..1\nok 1 drowned\nlast words\n");
	}
	leave(0);
}

__asm__(".globl _start\n_start: xor %ebp, %ebp\n mov %rsp, %rdi\n and $-16, %rsp\n call begin\n");

/**
 * Shell code that gives the host its name, which is `$1`, in a namespace of its own.
 *
 * The command `hostname` refuses the platform's names for their underscores, and the kernel's file of the name is for
 * the root of the machine only. In a user namespace the system call is left, which Perl can make: Debian and
 * others always have it.
 */
export const NAME_HOST = `
if [ -w /proc/sys/kernel/hostname ]; then
  printf %s "$1" > /proc/sys/kernel/hostname
else
  case "$(uname -m)" in
    x86_64) sethostname=170 ;;
    aarch64 | riscv64) sethostname=161 ;;
    *) echo "how to call sethostname on $(uname -m) is not known here" >&2; exit 1 ;;
  esac
  perl -e 'syscall($ARGV[0] + 0, $ARGV[1], length $ARGV[1]) == 0 or die "sethostname: $!\\n"' "$sethostname" "$1"
fi
[ "$(uname -n)" = "$1" ]`;

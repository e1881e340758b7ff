# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
#
# Sourced by the scripts that start guests: which files a guest is made of, and how words are
# written down. They start in the top directory and have set `build`.

# Its messages from notice on.
# shellcheck disable=SC2034
LINUX_CMDLINE='console=ttyS0 loglevel=6'

die() {
	echo "${0##*/}: $*" >&2
	exit 1
}

# As a shell, and GRUB's script language, read it back.
quoted() {
	local word

	for word in "$@"; do
		[[ $word =~ ^[A-Za-z0-9_./:=,+-]+$ ]] || word="'${word//\'/\'\\\'\'}'"
		printf ' %s' "$word"
	done
}

mebibytes() {
	[[ $1 =~ ^([0-9]{1,6})([MmGg])$ ]] || return 1
	case ${BASH_REMATCH[2]} in
	[Mm]) echo $((10#${BASH_REMATCH[1]})) ;;
	[Gg]) echo $((10#${BASH_REMATCH[1]} * 1024)) ;;
	esac
}

# As many CPUs as emulators take, when nobody asks for a number.
MAX_CPUS=8

# guest_machine: MEM and SMP, of the guest, and CPUS, of the machine, as the variables mem, mib, smp
# and cpus.
guest_machine() {
	mem=${MEM:-512M}
	smp=${SMP:-2}
	mib=$(mebibytes "$mem") || die "MEM=$mem is not a size such as 512M or 2G"
	[[ $smp =~ ^[1-9][0-9]?$ && $smp -le 64 ]] || die "SMP=$smp is not a number of CPUs, 1 to 64"
	# shellcheck disable=SC2034
	cpus=${CPUS:-$((smp < MAX_CPUS ? smp : MAX_CPUS))}
	[[ $cpus =~ ^[1-9][0-9]{0,2}$ ]] || die "CPUS=$cpus is not a number of CPUs"
}

# guest_files GUEST: sets guest_name, guest_kernel and guest_initrd (empty: none). GUEST is
# linux (Debian's kernel), cloud (its smaller cloud kernel), pae (its kernel of 32 bits), the name
# of a test guest in build/guest, or a file; two at once (duo) only tools/run can start. Without a
# registry to get the kernel from it is hello instead.
guest_files() {
	local wanted=$1 package arch=

	guest_initrd=
	case $wanted in
	duo) die "GUEST=duo: two guests at once are for make run only" ;;
	linux | cloud | pae)
		package=${KERNEL_PACKAGE:-linux-image-amd64}
		[ "$wanted" = cloud ] && package=linux-image-cloud-amd64
		[ "$wanted" = pae ] && arch=i386 && package=linux-image-686-pae:$arch
		guest_name=$wanted
		if guest_kernel=$(tools/get-kernel "$package") &&
			guest_initrd=$(tools/make-initrd $arch); then
			return
		elif [ $? -ne 3 ]; then
			die "getting the kernel failed"
		fi
		echo "No Debian kernel to be had: the small guest of this tree instead." >&2
		guest_initrd=
		wanted=hello
		;;
	esac
	guest_kernel=$wanted
	[ -f "$guest_kernel" ] || guest_kernel=$build/guest/$wanted.elf
	[ -f "$guest_kernel" ] || guest_kernel=build/guest/$wanted.elf
	[ -f "$guest_kernel" ] ||
		die "GUEST=$wanted: neither linux, cloud, pae, duo (make run only), a file nor one of" \
			"build/guest: $(cd build/guest 2>/dev/null && echo *.elf | sed 's/\.elf//g')"
	guest_name=$(basename "$guest_kernel" .elf | tr -c 'A-Za-z0-9_.\n-' _ | cut -c -31)
}

# guest_is_linux: whether guest_files has found one of Debian's kernels.
guest_is_linux() {
	[ -n "$guest_initrd" ]
}

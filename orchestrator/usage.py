# SPDX-License-Identifier: Apache-2.0
"""What `kdump-karg --help` prints. The manual page and the completion are held against it."""

HELP = """\
usage: kdump-karg COMMAND [--root DIR] [--json] [--undo] [--yes]
       kdump-karg lint [--memory SIZE] [--arch NAME] [--kernel VERSION] [--format FORMAT | --json] FILE...
       kdump-karg kargs [--root DIR] [--should-exist ARG]... [--should-not-exist ARG]...

Reserve memory for kdump on the first boot of an ostree + Ignition system.

commands:
  plan      show what would be done and why, as a diff; writes nothing
  apply     do it; in the initramfs: decide, and hand the change over to `write` (kdump-karg.service)
  undo      take back exactly what kdump-karg wrote into the booted deployment's entry, and nothing else
  write     write what apply has handed over, at the end of the initramfs (kdump-karg-write.service)
  status    show the chain from the config to the capture kernel, and the first broken link
  report    write the status to the journal and the login console where a report is due
  test      crash this machine on purpose, to prove that a dump succeeds; without --yes: say what would be proven
  lint      look for mistakes in Ignition configs or MachineConfigs (JSON), offline
  render    print a complete config for a small request, with the options below; looks at no machine
  kargs     what Ignition's kargs stage calls: bring the entry to its kernelArguments, and have this boot end in a reboot

options:
  --root DIR        look everything up below DIR, a captured tree; mount nothing
  --json            print JSON (plan, status, lint)
  --undo            show what `undo` would do (plan)
  --yes             do crash the machine (test)
  --memory SIZE     the memory of the machine that the files are for, such as 8G (lint)
  --arch NAME       its architecture, as uname -m names it (lint)
  --kernel VERSION  its kernel, such as 6.12 (lint)
  --format FORMAT   text, json, github or sarif (lint)
  --should-exist ARG      a kernel argument that is to be there (kargs)
  --should-not-exist ARG  a kernel argument that is not to be there (kargs)
  --help            print this help
  --version         print the version

options of render, each with a value:
  --crashkernel SIZE        the size, or auto
  --path DIR                the dump goes to this directory of the machine
  --ssh USER@HOST[:DIR]     the dump goes there by ssh, with --key and --known-hosts
  --key FILE                ssh's private key, without a passphrase
  --known-hosts FILE        a known hosts file that has the host's key
  --nfs HOST:/EXPORT        the dump goes to this export
  --raw DEVICE              the dump is written over this partition
  --core-collector COMMAND  what copies the memory, such as makedumpfile -l -d 31
  --failure-action ACTION   reboot, halt, poweroff, shell or dump_to_rootfs
  --distribution NAME       fedora, debian or suse
  --format FORMAT           ignition, butane or machineconfig
  --role ROLE               whose MachineConfig it is; worker
  --name NAME               of the MachineConfig
  --from FILE               take these words from a file, key = value a line

exit status: 0 done, armed or nothing to do, 1 failed, 2 usage, 3 refused, 4 kdump wanted but not armed (status, report),
or mistakes found (lint)
"""

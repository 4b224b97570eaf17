# SPDX-License-Identifier: Apache-2.0
"""Facts -> plan -> write -> verify of `kargs`, the helper that Ignition calls in its kargs stage where the distribution has only a stub.

The running command line says whether a reboot is due, the entry whether it is to be edited. Both count: an argument that is on the line of a first
boot only (its network arguments, say) is to be there later as well.
"""

from __future__ import annotations

from orchestrator import log
from orchestrator.decide import arguments, decision
from orchestrator.decide.decision import Decision, Kind
from orchestrator.decide.plan import Plan
from orchestrator.errors import Failure, Refusal
from orchestrator.facts import arguments_due, backend, bootstate, machine, sealing
from orchestrator.facts.machine import Surroundings
from orchestrator.facts.sealing import Touched
from orchestrator.rules import kargs
from orchestrator.rules.kargs import Asked
from orchestrator.system import bootfs
from orchestrator.system.target import Target
from orchestrator.write import arguments as writer


def honour(target: Target, asked: Asked) -> Plan:
    """Bring the entry to what is asked for; the plan that was carried out. Refusal, Failure where that cannot be done.

    Where the running command line is as asked for and the entry cannot be looked at, that is no error: it was never in an entry.
    """
    here = machine.surroundings(target.root)
    log.set_verbose(decision.is_verbose(here))
    if asked == Asked():
        return Plan(Decision(Kind.SKIP, "kernelArguments ask for nothing"))
    try:
        return _honour(target, here, asked)
    except Refusal as refusal:
        if not arguments.on_the_line(here, asked):
            raise
        return Plan(Decision(Kind.ACTIVE, f"kernelArguments: {asked}; {arguments.STAY}, and the entry is left alone: {refusal}"))
    except OSError as error:
        cure = "no file is left half written, start the machine again"
        raise Failure(f"{error.filename or '/boot'}: {error.strerror}; {cure}") from error


def _honour(target: Target, here: Surroundings, asked: Asked) -> Plan:
    """As `honour`. Raises OSError as well."""
    off = decision.switched_off(here)
    if off is not None:
        raise Refusal(f"kernelArguments ask for {asked}, but {off.reason}; take them out of the config")
    if target.live and not (here.initramfs and decision.is_first_boot(here)):
        raise Refusal("kargs is what Ignition calls in the initramfs of a first boot; on a machine in use change the entry by ostree")
    known = bootfs.awaited(target.root) if target.live else None
    with bootfs.reach(target.root, live=target.live, initramfs=here.initramfs, write=False, known=known) as boot:
        made = _plan(target, here, asked, boot)
    if made.steps:
        with bootfs.reach(target.root, live=target.live, initramfs=here.initramfs, write=True, known=known) as boot:
            made = writer.write(
                target,
                boot,
                made,
                lambda boot: _plan(target, here, asked, boot),
                lambda boot: kargs.is_done(bootstate.read(boot, here.cmdline).options.text, asked),
            )
    if made.reboot:
        writer.note(target.root, asked)
    return made


def _plan(target: Target, here: Surroundings, asked: Asked, boot: str) -> Plan:
    """The plan for what is on the boot file system now."""
    found = bootstate.read(boot, here.cmdline)
    log.debug(f"boot file system at {boot}", found)
    if kargs.is_done(found.options.text, asked):
        return arguments.as_it_is(arguments.on_the_line(here, asked), asked, found)
    rules = machine.rules(target.root)
    used = backend.without_root(boot, rules.name)
    future = arguments_due.bindings(target.root)
    touched = (sealing.read(target.root, here.cmdline, found.text), Touched(here.cmdline, found.text, options=future))
    return arguments.in_stage(here, rules, asked, found, used, touched)

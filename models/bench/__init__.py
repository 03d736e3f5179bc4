"""The emulator against other software on this machine's processor: `hwsim bench cpu` and `docs/cpu.md`."""

"""The one family of errors that bad input raises; each message names the thing and the fix."""


class HwsimError(ValueError):
    """Bad input: an array, file, configuration or size that hwsim refuses."""


class ConfigError(HwsimError):
    """A configuration whose values are impossible, unsupported or contradict each other."""


class TicketError(HwsimError):
    """A ticket file that is damaged, hostile or does not follow the schema."""


class RangeError(HwsimError):
    """A model for which an accumulator cannot be proved to fit its width."""


class UnsupportedError(HwsimError):
    """A size or option that is right but that this one implementation does not offer."""


class MissingToolError(RuntimeError):
    """An optional package or system tool is absent; the message says how to get it."""

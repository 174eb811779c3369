"""TLS as a client of ours does it: which certificates it trusts, and which one it shows."""

import ssl
from pathlib import Path
from typing import NamedTuple

from pydantic import SecretStr


class Identity(NamedTuple):
    """What a client trusts and shows.

    Attributes:
        ca: PEM file of the authorities that servers are trusted by; None: those that the system trusts.
        cert: PEM file of the certificate that the client shows, its chain behind it; None: it shows none.
        key: PEM file of that certificate's key; None: it is in the same file.
        key_password: Password of the key; "" where it has none.
        check_hostname: Whether a server's certificate has to be for the name that it was reached by.
    """

    ca: Path | None = None
    cert: Path | None = None
    key: Path | None = None
    key_password: SecretStr = SecretStr("")
    check_hostname: bool = True

    def context(self) -> ssl.SSLContext:
        """Return a context for connections: TLS 1.2 or newer, and no server without a certificate that is trusted.

        Raises:
            ValueError: A file cannot be read, or holds something else; the message says which.
        """
        try:
            context = ssl.create_default_context(cafile=self.ca)
        except OSError as exc:
            raise ValueError(f"{self.ca} holds no certificates of authorities: {exc.strerror or exc}") from None
        context.check_hostname = self.check_hostname
        if self.cert is not None:
            try:
                # Never without a password: OpenSSL would ask for it at the terminal.
                context.load_cert_chain(self.cert, self.key, self.key_password.get_secret_value())
            except OSError as exc:
                raise ValueError(
                    f"{self.cert} and {self.key or 'the same file'} hold no certificate with its key: "
                    f"{exc.strerror or exc}"
                ) from None
        return context

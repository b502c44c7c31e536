"""Works with a LibreOffice that accepts connections: run by the interpreter that Debian's python3-uno is for.

    /usr/bin/python3 office_client.py PORT DIRECTORY

For each number on its standard input it makes a text document of that many paragraphs, saves it as PDF in the directory, closes
it, and prints how many paragraphs it had and how the file begins. At the end of its input it tells LibreOffice to end.
"""

import sys
import time
from pathlib import Path

import uno
from com.sun.star.beans import PropertyValue
from com.sun.star.lang import DisposedException


def desktop_at(port):
    local = uno.getComponentContext()
    resolver = local.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", local)
    there = resolver.resolve(f"uno:socket,host=127.0.0.1,port={port};urp;StarOffice.ComponentContext")
    return there.ServiceManager.createInstanceWithContext("com.sun.star.frame.Desktop", there)


def setting(name, value):
    return PropertyValue(name, 0, value, 0)


def new_document(desktop):
    """There is none while LibreOffice still starts."""
    while not (document := desktop.loadComponentFromURL("private:factory/swriter", "_blank", 0, (setting("Hidden", True),))):
        time.sleep(0.5)
    return document


def write_pdf(desktop, paragraphs, path):
    """Returns how many paragraphs the document had."""
    document = new_document(desktop)
    document.Text.setString("\r".join(f"paragraph {number}" for number in range(paragraphs)))
    document.storeToURL(path.as_uri(), (setting("FilterName", "writer_pdf_Export"),))
    count = len(list(document.Text))
    document.close(True)
    return count


def main():
    port, directory = sys.argv[1:]
    desktop = desktop_at(port)
    pdf = Path(directory) / "document.pdf"
    for line in sys.stdin:
        print(write_pdf(desktop, int(line), pdf), pdf.read_bytes()[:4].decode(), flush=True)
    try:
        desktop.terminate()
    except DisposedException:
        pass  # it was faster than its answer


if __name__ == "__main__":
    main()

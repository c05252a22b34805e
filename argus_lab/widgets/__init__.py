"""The chat cell, and ``al.Chat``, which needs no cell.

By module, from pure to door:

``views``, ``patches``
    A turn as it is drawn, and from one drawing to the next. Pure.
``kept``, ``cells``
    The conversation as a page that stays in the notebook, and as cells. Pure.
``knobs``
    The settings panel, a row a setting. Pure.
``drawn``, ``pace``
    What browsers show by now, so that only what changed is sent, at most twenty times a second.
``model``, ``chat.js``, ``chat.css``
    The widget: the browser's side.
``offer``, ``traced``
    The models and a model's download; a turn's spans, out of the lake.
``cell``
    The cell: puts these together. Door to the notebook.
``chat``
    ``al.Chat``: the conversation of ``argus_lab.chat`` with all of this.
"""

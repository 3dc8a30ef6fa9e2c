"""Files in, files out."""

from django.contrib import messages
from django.http import FileResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse_lazy
from django.views.generic import CreateView

from fleet.forms import DocumentForm
from fleet.models import Document


class Documents(CreateView):
    form_class = DocumentForm
    template_name = "fleet/documents.html"
    success_url = reverse_lazy("documents")

    def get_context_data(self, **kwargs):
        return super().get_context_data(documents=Document.objects.select_related("ship")[:20], **kwargs)

    def form_valid(self, form):
        response = super().form_valid(form)
        messages.success(self.request, f"{self.object} is filed: {self.object.size:,} octets.")
        return response


def download(request, pk):
    document = get_object_or_404(Document, pk=pk)
    return FileResponse(document.file.open(), as_attachment="attachment" in request.GET, filename=str(document))

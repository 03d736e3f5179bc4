// result_sender: the logits of every reporting lane, one frame a lane, lane 0 first; a beat a logit, tlast on the last.
//
// Logit c of all lanes is in the three rows 3c, 3c + 1 and 3c + 2 of memory A from source_i on, low byte first. They
// are read as scalars of the lane, which come back four clocks after their address; a beat is the 24 bits, sign
// extended. Reading the next logit waits until the beat is taken.
`default_nettype none

module result_sender #(
    parameter integer Lanes = 16
) (
    input  wire                     clk_i,
    input  wire                     rst_ni,

    input  wire                     start_i,
    input  wire                     active_i,
    input  wire [             11:0] source_i,
    input  wire [             11:0] logits_i,
    input  wire [        Lanes-1:0] reports_i,
    input  wire [$clog2(Lanes)-1:0] last_lane_i,
    output wire                     done_o,     // the last clock of work
    output wire                     waiting_o,  // a beat is not taken

    output reg  [             11:0] address_o,  // at 0
    output reg  [$clog2(Lanes)-1:0] lane_o,     // at 0
    input  wire [              7:0] scalar_i,   // at 4

    output wire [             31:0] m_axis_tdata,
    output wire                     m_axis_tvalid,
    input  wire                     m_axis_tready,
    output wire                     m_axis_tlast
);
  localparam [1:0] Scan = 2'd0, Read = 2'd1, Offer = 2'd2;

  reg [1:0] state_q;
  reg [2:0] clock_q; // of Read: addresses in 0..2, bytes come in 4..6
  reg [Lanes-1:0] reports_q; // of lane_o and up
  reg [11:0] logit_q, final_q;
  reg last_q; // logit_q is the last one; found while its bytes are read, to keep the handshake short
  reg [23:0] bytes_q;
  wire lane_end = lane_o == last_lane_i;
  wire taken = m_axis_tvalid && m_axis_tready;
  wire lane_done = active_i && (state_q == Scan ? !reports_q[0] : taken && m_axis_tlast);

  assign m_axis_tvalid = state_q == Offer;
  assign m_axis_tdata = {{8{bytes_q[23]}}, bytes_q};
  assign m_axis_tlast = last_q;
  assign done_o = lane_done && lane_end;
  assign waiting_o = m_axis_tvalid && !m_axis_tready;

  always @(posedge clk_i) begin
    final_q <= logits_i - 12'd1;
    last_q  <= logit_q == final_q;
    if (!rst_ni || start_i || lane_done) state_q <= Scan;
    else if (active_i) begin
      if (state_q == Scan) state_q <= Read;
      else if (state_q == Read && clock_q == 3'd6) state_q <= Offer;
      else if (taken) state_q <= Read;
    end
    if (start_i) begin
      lane_o    <= {$clog2(Lanes) {1'b0}};
      reports_q <= reports_i;
    end else if (lane_done) begin
      lane_o    <= lane_o + 1'b1;
      reports_q <= {1'b0, reports_q[Lanes-1:1]};
    end
    if (state_q == Scan) logit_q <= 12'd0;
    else if (taken) logit_q <= logit_q + 12'd1;
    if (state_q == Scan) address_o <= source_i;
    else if (state_q == Read && clock_q < 3'd3) address_o <= address_o + 12'd1;
    clock_q <= state_q == Read ? clock_q + 3'd1 : 3'd0;
    if (state_q == Read && clock_q >= 3'd4) bytes_q <= {scalar_i, bytes_q[23:8]};
  end
endmodule

`default_nettype wire
